"""The proxy file: weights and plain values, readable without running anything from it."""

import json
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from parzc.atomic import atomic_write

__all__ = ["SUFFIX", "ProxyFile", "load_plain", "read_proxy_file", "write_proxy_file"]

SUFFIX = ".parzc"
FORMAT = 1
_PROXY_FILE = "a proxy file made by `parzc export`"
_KEYS = {"format", "metadata", "encoding", "predictor"}


@dataclass(frozen=True)
class ProxyFile:
    """What a proxy file holds.

    Attributes:
        metadata: Plain values: how to build the encoding and the predictor, and where they come from.
        encoding: State of the encoding.
        predictor: State of the predictor.
    """

    metadata: dict[str, Any]
    encoding: dict[str, Tensor]
    predictor: dict[str, Tensor]


def write_proxy_file(path: str | Path, content: ProxyFile) -> None:
    """Write a proxy file, whole or not at all.

    Args:
        path: The file.
        content: What to write.

    Raises:
        TypeError: If the metadata hold anything but plain values.
    """
    parts = {
        "format": FORMAT,
        "metadata": _pack(content.metadata),
        "encoding": _on_cpu(content.encoding),
        "predictor": _on_cpu(content.predictor),
    }
    with atomic_write(path) as part, part.open("wb") as file:
        torch.save(parts, file)  # to an open file: the archive then does not hold the file's name


def read_proxy_file(path: str | Path) -> ProxyFile:
    """Read a proxy file; nothing in it is executed.

    Args:
        path: The file.

    Returns:
        What it holds.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no proxy file, is damaged, has another format or holds a pickled object.
    """
    path = Path(path)
    content = load_plain(path, _PROXY_FILE)
    if "format" not in content:
        raise _other(path, _PROXY_FILE)
    if content["format"] != FORMAT:
        raise ValueError(
            f"{path} should have format {FORMAT}, got {content['format']!r}; use the parzc that made it."
        )
    if set(content) != _KEYS or not all(_is_state(content[key]) for key in ("encoding", "predictor")):
        raise _damaged(path, f"it should hold {', '.join(sorted(_KEYS))}")
    try:
        metadata = _unpack(content["metadata"])
    except (TypeError, ValueError, zlib.error) as error:
        raise _damaged(path, "its metadata are no JSON") from error
    if not isinstance(metadata, dict):
        raise _damaged(path, "its metadata are no table of names")
    return ProxyFile(metadata, dict(content["encoding"]), dict(content["predictor"]))


def load_plain(path: str | Path, kind: str) -> dict[str, Any]:
    """Read a file of `torch.save` that holds tensors and plain values by name; nothing is executed.

    Args:
        path: The file.
        kind: What it should be, for the messages.

    Returns:
        What it holds, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is of another kind, is damaged or holds a pickled object.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} should be {kind}; there is no such file.")
    _check_archive(path, kind)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds a pickled object, which was refused: {kind} holds tensors and plain values only,"
            " and loading an object would run code. Do not use this file."
        ) from error
    except (RuntimeError, EOFError, OSError, LookupError, ValueError) as error:
        raise _damaged(path, " ".join(str(error).split())[:80]) from error
    if not isinstance(content, dict):
        raise _other(path, kind)
    return content


def _check_archive(path: Path, kind: str) -> None:
    """Tell apart what `torch.load` would report in one and the same way, or as a pickle."""
    with path.open("rb") as file:
        is_archive = file.read(4) == b"PK\x03\x04"
    if is_archive and not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is truncated; copy or make it again.")
    if not is_archive:
        raise _other(path, kind)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise _damaged(path, str(error)) from error
    if not any(name.endswith("/data.pkl") for name in names):
        raise _other(path, kind)


def _pack(metadata: Mapping[str, Any]) -> Tensor:
    """Compress metadata: the names of thousands of training architectures repeat themselves."""
    text = json.dumps(metadata, sort_keys=True).encode()
    return torch.frombuffer(bytearray(zlib.compress(text, level=9)), dtype=torch.uint8)


def _unpack(packed: Any) -> Any:
    # Files of the first versions hold the text itself.
    return json.loads(zlib.decompress(packed.numpy().tobytes()) if isinstance(packed, Tensor) else packed)


def _is_state(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(tensor, Tensor) for tensor in value.values())


def _on_cpu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu() for name, tensor in state.items()}


def _other(path: Path, kind: str) -> ValueError:
    return ValueError(f"{path} should be {kind}, and is not.")


def _damaged(path: Path, why: str) -> ValueError:
    return ValueError(f"{path} is damaged ({why}); copy or make it again.")
