"""Say where a product comes from: settings, versions and seed in a file beside it."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from parzc import __version__
from parzc.atomic import atomic_write

__all__ = ["provenance", "write_provenance"]

_PACKAGES = ("torch", "numpy", "scipy", "pandas", "pyarrow", "pytorch-lightning", "scikit-learn")


def provenance(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the run that has these settings, without importing anything.

    Args:
        settings: The keywords that the command was called with.

    Returns:
        `settings`, `seed` (`None` where there is none), `versions` by package and `platform`: plain
        values, equal for equal runs on one machine.
    """
    return {
        "settings": _plain(dict(settings)),
        "seed": settings.get("seed"),
        "versions": {"parzc": __version__, "python": platform.python_version()}
        | {name: _version(name) for name in _PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
    }


def write_provenance(product: str | Path, settings: Mapping[str, Any]) -> Path:
    """Write the description of a run beside what it made.

    Args:
        product: The file or folder that a command made.
        settings: The keywords that the command was called with.

    Returns:
        The file written: `run.json` in a folder, `NAME.run.json` beside a file.
    """
    product = Path(product)
    beside = product / "run.json" if product.is_dir() else product.with_name(product.name + ".run.json")
    with atomic_write(beside) as temporary:
        temporary.write_text(json.dumps(provenance(settings), indent=2) + "\n")
    return beside


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
