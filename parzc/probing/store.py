"""Keep tables on disk: Parquet shards, one row a node, and a manifest of all settings."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from parzc.atomic import atomic_write
from parzc.probing.table import NODE_SIZES, Architecture, NodeInfo, Table, column_name

__all__ = ["FeatureStore"]

FORMAT = 1


class FeatureStore:
    """A folder of tables by architecture, all extracted with the same settings.

    Shards are Parquet files in long form, so that any tool reads them: one row a node with
    `architecture`, `node`, `kind`, `alive`, the node's sizes, the statistics, `missing` (names of
    statistics that were not finite) and `network.…` (values of the network as a whole).

    Use `create` to write and `open` to read.

    Args:
        path: The folder.
        settings: What the tables depend on.

    Attributes:
        path: The folder.
        settings: Plain values that every table in the store shares; `settings["statistics"]` names
            the columns.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.settings = dict(settings)

    @classmethod
    def open(cls, path: str | Path) -> "FeatureStore":
        """Open a store that exists.

        Args:
            path: The folder.

        Returns:
            The store.

        Raises:
            FileNotFoundError: If the folder holds no store.
            ValueError: If the manifest is damaged or of another format.
        """
        manifest = Path(path) / "manifest.json"
        if not manifest.is_file():
            raise FileNotFoundError(
                f"{path} should be a feature store made by `parzc extract`; it has no manifest.json."
            )
        try:
            content = json.loads(manifest.read_text(encoding="utf-8"))
            found, settings = content["format"], content["settings"]
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(f"{manifest} is damaged ({error}); extract into another folder.") from error
        if found != FORMAT:
            raise ValueError(
                f"{manifest} should have format {FORMAT}, got {found}; use the parzc that made it."
            )
        return cls(Path(path), settings)

    @classmethod
    def create(cls, path: str | Path, settings: Mapping[str, Any]) -> "FeatureStore":
        """Open a store to add to, or make it.

        Args:
            path: The folder.
            settings: Plain values that every table depends on.

        Returns:
            The store.

        Raises:
            ValueError: If the store was made with other settings; the message names them.
        """
        settings = json.loads(json.dumps(settings))
        if not (Path(path) / "manifest.json").exists():
            with atomic_write(Path(path) / "manifest.json") as temporary:
                temporary.write_text(json.dumps({"format": FORMAT, "settings": settings}, indent=2) + "\n")
            return cls(Path(path), settings)
        store = cls.open(path)
        if differences := _differences(store.settings, settings):
            raise ValueError(
                f"{path} was extracted with other settings ({differences}); use them, or another `out`."
            )
        return store

    def lock(self) -> "FileLock":
        """Keep other processes from adding at the same time.

        Returns:
            A lock, held and ready for a `with` block; the system frees it if the process dies.

        Raises:
            RuntimeError: If another process holds it.
        """
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise RuntimeError(
                f"{self.path}: another process is adding to this store; wait for it to end."
            ) from error
        return lock

    def add(self, tables: Iterable[tuple[Architecture, Table]]) -> None:
        """Write tables as one shard, whole or not at all. Hold `lock()` meanwhile.

        Args:
            tables: Architectures that are not in the store yet, with their tables.
        """
        rows = [_rows(architecture, table) for architecture, table in tables]
        if not rows:
            return
        last = max((int(shard.stem.rpartition("-")[2]) for shard in self.shards()), default=-1)
        with atomic_write(self.path / f"shard-{last + 1:06d}.parquet") as temporary:
            pq.write_table(pa.concat_tables(rows), temporary, compression="zstd")

    def shards(self) -> list[Path]:
        """List the Parquet files in the order in which they were written."""
        return sorted(self.path.glob("shard-*.parquet"))

    def architectures(self) -> list[Architecture]:
        """List what the store holds, in alphabetical order.

        Raises:
            ValueError: If a shard is damaged.
        """
        found: set[str] = set()
        for shard in self.shards():
            found.update(_read(shard, ["architecture"])["architecture"].unique().to_pylist())
        return [Architecture(name) for name in sorted(found)]

    def tables(self) -> dict[Architecture, Table]:
        """Read everything.

        Returns:
            The tables by architecture in alphabetical order, however the store grew.

        Raises:
            ValueError: If a shard is damaged.
        """
        tables: dict[Architecture, Table] = {}
        for shard in self.shards():
            tables |= _tables(_read(shard), tuple(self.settings["statistics"]))
        return dict(sorted(tables.items()))


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return "; ".join(f"{key} was {old.get(key)!r}, now {new.get(key)!r}" for key in keys)


def _rows(architecture: Architecture, table: Table) -> pa.Table:
    count = len(table.nodes)
    missing: dict[str, list[str]] = {}
    for node, statistic in table.missing:
        missing.setdefault(node, []).append(statistic)
    columns: dict[str, Any] = {
        "architecture": pa.array([architecture] * count).dictionary_encode(),
        "node": [node.name for node in table.nodes],
        "kind": pa.array([node.kind for node in table.nodes]).dictionary_encode(),
        "alive": [node.alive for node in table.nodes],
    }
    columns |= {size: [getattr(node, size) for node in table.nodes] for size in NODE_SIZES}
    columns |= {
        name: pa.array(table.values[:, i], from_pandas=True) for i, name in enumerate(table.statistics)
    }
    columns["missing"] = pa.array([missing.get(node.name, []) for node in table.nodes], pa.list_(pa.string()))
    columns |= {f"network.{name}": pa.array([float(value)] * count) for name, value in table.network.items()}
    return pa.table(columns)


def _read(shard: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(shard, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{shard} is damaged ({' '.join(str(error).split())[:80]}); delete it and run the same"
            " extraction again, which brings back what it held."
        ) from error


def _tables(rows: pa.Table, statistics: tuple[str, ...]) -> dict[Architecture, Table]:
    names = rows["architecture"].to_pylist()
    infos = [
        NodeInfo(*fields)
        for fields in zip(
            *(rows[column].to_pylist() for column in ("node", "kind", "alive", *NODE_SIZES)), strict=True
        )
    ]
    # values of the network as a whole have no column
    statistics = tuple(name for name in map(column_name, statistics) if name in rows.column_names)
    columns = [rows[name].to_numpy() for name in statistics]
    values = np.stack(columns, axis=1).astype(float) if columns else np.zeros((len(infos), 0))
    network = {
        c.removeprefix("network."): rows[c].to_pylist() for c in rows.column_names if c.startswith("network.")
    }
    missing = rows["missing"].to_pylist()
    starts = [i for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
    return {
        Architecture(names[start]): Table(
            nodes=tuple(infos[start:end]),
            statistics=statistics,
            values=values[start:end],
            network={key: column[start] for key, column in network.items()},
            missing=tuple((infos[i].name, name) for i in range(start, end) for name in missing[i]),
        )
        for start, end in zip(starts, [*starts[1:], len(names)], strict=True)
    }
