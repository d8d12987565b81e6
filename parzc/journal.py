"""Keep results as they come, so that a killed run loses none of them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parzc.atomic import atomic_write

__all__ = ["Journal"]


class Journal:
    """A file of JSON lines: the settings, then one line a finished architecture, or whatever has a name.

    Opening it reads what an earlier run left; a last line that a kill cut short is dropped.

    Args:
        path: The file; made if there is none.
        settings: Plain values that the results depend on. A journal made with others is refused.
        key: What a line is of.

    Attributes:
        results: By architecture, what was added for it last.

    Raises:
        ValueError: If the file was made with other settings or is no journal.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, key: str = "architecture") -> None:
        self.path = path
        self.key = key
        self.results: dict[str, dict[str, Any]] = {}
        settings = json.loads(json.dumps(settings))
        if not path.exists():
            with atomic_write(path) as temporary:
                temporary.write_text(json.dumps({"settings": settings}) + "\n", encoding="utf-8")
            return
        self._read(settings)

    def add(self, architecture: str, result: Mapping[str, Any]) -> None:
        """Append a result and see it onto the disk.

        Args:
            architecture: The key.
            result: Plain values.
        """
        self.results[architecture] = dict(result)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({self.key: architecture, **result}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self, settings: Mapping[str, Any]) -> None:
        text = self.path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
            found = lines[0]["settings"]
            self.results = {line.pop(self.key): line for line in lines[1:]}
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(
                f"{self.path} should be the journal of an earlier run, and is not; delete it to start anew."
            ) from error
        differing = sorted(key for key in {*found, *settings} if found.get(key) != settings.get(key))
        if differing:
            changes = "; ".join(f"{key} {found.get(key)!r}, now {settings.get(key)!r}" for key in differing)
            raise ValueError(
                f"{self.path} was made with other settings ({changes});"
                " use them, delete it, or choose another `out`."
            )
        if len(whole) < len(text):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
