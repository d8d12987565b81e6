"""Find the files that travel with the package."""

from pathlib import Path

__all__ = ["shipped", "shipped_features", "shipped_proxies"]

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Find `conf/` or `data/` or a file in one of them.

    An installed wheel has both folders inside the package, a checkout has them beside it.

    Args:
        name: A path that starts with `conf` or `data`, such as `"data/README.md"`.

    Returns:
        The absolute path of something that exists.

    Raises:
        FileNotFoundError: If neither place has it.
    """
    for place in (_PACKAGE, _PACKAGE.parent):
        if (place / name).exists():
            return place / name
    raise FileNotFoundError(
        f"parzc should ship {name!r}, found neither {_PACKAGE / name} nor the same beside the package."
    )


def shipped_features() -> dict[str, Path]:
    """List the feature stores that travel with the package.

    Returns:
        Their folders by the names that commands take for `features=`, in alphabetical order.
    """
    return {manifest.parent.name: manifest.parent for manifest in _listed("data/features/*/manifest.json")}


def shipped_proxies() -> dict[str, Path]:
    """List the learned proxies that travel with the package.

    Returns:
        Their files by the names that commands take for `proxy=`, in alphabetical order.
    """
    return {file.stem: file for file in _listed("data/proxies/*.parzc")}


def _listed(pattern: str) -> list[Path]:
    found = (sorted(place.glob(pattern)) for place in (_PACKAGE, _PACKAGE.parent))
    return next(filter(None, found), [])
