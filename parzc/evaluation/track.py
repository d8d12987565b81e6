"""A track of a leaderboard: one benchmark that competitors are compared on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from parzc import plugins
from parzc.competitor import Candidates
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.space import Space
from parzc.targets import read_table, read_targets

__all__ = ["Contest", "Notations", "Track", "fingerprint", "open_track"]

Notations = Literal["all", "stored"]


@dataclass(frozen=True)
class Track:
    """Where a benchmark lies and how it is used.

    Attributes:
        targets: The CSV file of accuracies.
        target: The column that competitors learn from.
        test: The column that they are compared with; `target` by default.
        features: The folder of a feature store; without, only what reads notations and columns can compete.
        columns: A CSV file of further numbers by architecture, such as published proxies.
        space: Name or name and options; by default that of the features.
        notations: `all` for every architecture of the targets that the features describe under any
            notation of the same function, `stored` for those that the store names.
        budgets: How many targets competitors learn from.
    """

    targets: str
    target: str
    test: str | None = None
    features: str | None = None
    columns: str | None = None
    space: str | Mapping[str, Any] | None = None
    notations: Notations = "all"
    budgets: Sequence[int] = (78, 156, 469, 781, 1563)


@dataclass(frozen=True, eq=False)
class Contest:
    """A track, read.

    Attributes:
        candidates: The architectures, with what competitors may know of them.
        targets: Accuracies to learn from.
        tests: Accuracies to compare with.
    """

    candidates: Candidates
    targets: Float[np.ndarray, " n"]
    tests: Float[np.ndarray, " n"]

    def draw(self, budget: int, seed: int) -> Int[np.ndarray, " budget"]:
        """Draw the rows whose targets are known.

        Args:
            budget: How many.
            seed: A smaller budget is the start of a larger one.

        Returns:
            Row numbers in the order of the draw.

        Raises:
            ValueError: If more are asked for than there are.
        """
        if budget > len(self.targets):
            raise ValueError(f"a budget should be at most {len(self.targets)}, all targets; got {budget}.")
        rows: Int[np.ndarray, " n"] = np.random.RandomState(seed).permutation(len(self.targets))
        return rows[:budget]

    def parts(self, known: Int[np.ndarray, " budget"]) -> dict[str, Bool[np.ndarray, " n"]]:
        """Say what is tested on.

        Args:
            known: The rows whose targets were known.

        Returns:
            `all`; `held_out`, those not in `known`; and `unseen`, those that do not even compute
            the same function as one in `known`.
        """
        held_out = np.ones(len(self.targets), dtype=bool)
        held_out[known] = False
        canonical = self.candidates.canonical
        seen = {canonical[row] for row in known}
        unseen = np.array([name not in seen for name in canonical], dtype=bool)
        return {"all": np.ones_like(held_out), "held_out": held_out, "unseen": unseen}


def open_track(track: Track) -> Contest:
    """Read a track; the last one read stays in memory.

    Args:
        track: Where it lies.

    Returns:
        Architectures that have a target, a test accuracy and, if the track has features, a table.

    Raises:
        FileNotFoundError: If there is no such store or file.
        LookupError: If there is no such column or space.
        ValueError: If a file is damaged, or nothing fits together.
    """
    return _open(json.dumps(vars(track), sort_keys=True))


def fingerprint(track: Track) -> str:
    """Tell data from other data without reading a store.

    Args:
        track: Where they lie.

    Returns:
        A hash of the files of numbers and of the names and sizes of the store's.

    Raises:
        FileNotFoundError: If there is no such store or file.
    """
    digest = hashlib.sha256()
    for path in filter(None, (track.targets, track.columns)):
        if not Path(path).is_file():
            raise FileNotFoundError(f"there should be a file at {path}, found none.")
        digest.update(Path(path).read_bytes())
    if track.features is not None:
        store = FeatureStore.open(track.features)
        sizes = {shard.name: shard.stat().st_size for shard in store.shards()}
        digest.update(json.dumps([store.settings, sizes], sort_keys=True).encode())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _open(settings: str) -> Contest:
    track = Track(**json.loads(settings))
    store = None if track.features is None else FeatureStore.open(track.features)
    stored = store.tables() if store else {}
    spec = track.space or (store.settings.get("space") if store else None)
    space: Space | None = plugins.build("spaces", spec) if spec else None
    names = list(stored) if track.notations == "stored" else _names(track, space) or list(stored)
    targets = read_targets(track.targets, track.target, names)
    tests = read_targets(track.targets, track.test or track.target, targets)
    names = [name for name in targets if name in tests]
    canonical = {name: space.canonical(name) if space else name for name in names}
    tables = _tables(canonical, stored, space) if store else {}
    names = [name for name in names if name in tables] if store else names
    if len(names) < 2:
        raise ValueError(f"{track.targets} and {track.features} should share architectures, found none.")
    functions = [canonical[name] for name in names]
    columns = _columns(track, names, functions) if track.columns else {}
    return Contest(
        Candidates(names, functions, tables, space, columns),
        np.array([targets[name] for name in names]),
        np.array([tests[name] for name in names]),
    )


def _names(track: Track, space: Space | None) -> list[Architecture]:
    """List all notations of a benchmark, in its own order if the space knows it."""
    if space and (listed := space.architectures()):
        return list(listed)
    frame = read_table(track.targets)
    return list(frame["architecture"]) if "architecture" in frame.columns else []


def _tables(
    canonical: Mapping[Architecture, Architecture], stored: Mapping[Architecture, Table], space: Space | None
) -> dict[Architecture, Table]:
    """Find the table of each notation: its own, else one of the same function."""
    of_function = dict(stored)
    if space and any(name not in stored for name in canonical):
        of_function = {space.canonical(name): table for name, table in stored.items()}
    found = {name: stored.get(name) or of_function.get(function) for name, function in canonical.items()}
    return {name: table for name, table in found.items() if table is not None}


def _columns(
    track: Track, names: Sequence[Architecture], functions: Sequence[Architecture]
) -> dict[str, Float[np.ndarray, " n"]]:
    """Read numbers by notation, or by that of the same function."""
    frame = read_table(str(track.columns))
    if "architecture" not in frame.columns or frame["architecture"].duplicated().any():
        raise ValueError(
            f"{track.columns} should have a column `architecture` that names each once; it has"
            f" {', '.join(frame.columns)}."
        )
    if taken := {track.target, track.test} & set(frame.columns):
        raise ValueError(
            f"{track.columns} should hold no accuracies, found {', '.join(map(str, taken))}; give a file of"
            " other numbers."
        )
    by_name = frame.set_index("architecture").apply(pd.to_numeric, errors="coerce")
    keys = [
        name if name in by_name.index else function for name, function in zip(names, functions, strict=True)
    ]
    rows = by_name.reindex(keys).astype(float)
    return {str(column): rows[column].to_numpy() for column in rows.columns}
