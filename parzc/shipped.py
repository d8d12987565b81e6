"""Find the files that travel with the package."""

from pathlib import Path

__all__ = ["shipped"]

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
