"""Write files whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["atomic_write"]


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary path that becomes `path` when the block ends well.

    The temporary file lies in the same folder, so that the last step is one rename: a reader, or a
    process killed at any moment, sees the old file or the new one and never a part. A block that
    raises leaves `path` as it was.

    Args:
        path: The file to write; missing folders above it are made.

    Yields:
        The path to write to. It keeps the suffix of `path`, which some writers look at.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
