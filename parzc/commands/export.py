"""`parzc export`: make a proxy file of a training run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from parzc.commands.adaptation import trained_spaces
from parzc.provenance import write_provenance
from parzc.proxy import ParametricProxy, build_proxy
from parzc.proxy_file import ProxyFile, load_plain

__all__ = ["export"]

_ENTRY = "parzc"


def export(*, checkpoint: str, out: str, allow_plugins: bool = False) -> ParametricProxy:
    """Make a proxy file of a training run.

    The file holds the encoding, the predictor and plain values that say where they come from: space,
    statistics, mini-batch, seeds, versions, metrics and the training architectures. It is read with
    neither Lightning nor Hydra.

    Args:
        checkpoint: The folder of a training run, or its checkpoint.
        out: The proxy file to write, by custom `*.parzc`.
        allow_plugins: Import the plug-ins from outside parzc that the checkpoint names.

    Returns:
        The proxy.

    Raises:
        FileNotFoundError: If there is no such folder or file, or the folder holds no checkpoint.
        ValueError: If the checkpoint is damaged, was not made by `parzc train`, or names a plug-in
            from outside parzc without leave.
    """
    settings = dict(locals())
    path = _find(Path(checkpoint))
    content = load_plain(path, "a checkpoint made by `parzc train`")
    metadata, state = content.get(_ENTRY), content.get("state_dict")
    if not isinstance(metadata, dict) or not isinstance(state, dict):
        raise ValueError(f"{path} should be a checkpoint made by `parzc train`; it describes no proxy.")
    parts = ProxyFile(metadata, _part(state, "encoding"), _part(state, "predictor"))
    proxy = build_proxy(parts, path, allow_plugins=allow_plugins)
    proxy.save(out)
    write_provenance(out, settings)
    print(f"{out}: {_summary(metadata)}, {Path(out).stat().st_size / 1024:.0f} KiB.")
    return proxy


def _find(checkpoint: Path) -> Path:
    if not checkpoint.is_dir():
        return checkpoint
    found = sorted(checkpoint.glob("*.ckpt"))
    if not found:
        raise FileNotFoundError(
            f"{checkpoint} should be a folder made by `parzc train`; it holds no checkpoint."
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ValueError(f"{checkpoint} should hold one checkpoint, found {names}; give one of them.")
    return found[0]


def _part(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}."
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _summary(metadata: Mapping[str, Any]) -> str:
    parts = [f"{metadata[part]['name']}" for part in ("encoding", "predictor")]
    spaces = ", ".join(trained_spaces(metadata)) or "an unknown space"
    return f"{' + '.join(parts)}, trained on {len(metadata.get('training', ()))} architectures of {spaces}"
