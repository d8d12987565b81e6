"""Keep tables on disk: Parquet shards, one row a node, and a manifest of all settings."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from jaxtyping import Int, Shaped

from parzc.atomic import atomic_write
from parzc.probing.table import NODE_SIZES, Architecture, NodeInfo, SharedNodes, Table, column_name
from parzc.shipped import shipped_features

__all__ = ["FeatureStore"]

FORMAT = 1
_NAMES = ["architecture", "node", "kind"]


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
            path: The folder, or the name of a store that parzc ships if there is no such folder.

        Returns:
            The store.

        Raises:
            FileNotFoundError: If the folder holds no store; the message lists those that are shipped.
            ValueError: If the manifest is damaged or of another format.
        """
        manifest = _find(Path(path)) / "manifest.json"
        try:
            content = json.loads(manifest.read_text(encoding="utf-8"))
            found, settings = content["format"], content["settings"]
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(f"{manifest} is damaged ({error}); extract into another folder.") from error
        if found != FORMAT:
            raise ValueError(
                f"{manifest} should have format {FORMAT}, got {found}; use the parzc that made it."
            )
        return cls(manifest.parent, settings)

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

    def rows(self) -> pa.Table:
        """Read everything as it lies on disk, in long form.

        Returns:
            One row a node, architectures in alphabetical order, however the store grew; names are
            dictionaries.

        Raises:
            ValueError: If a shard is damaged.
        """
        shards = [_read(shard, read_dictionary=_NAMES) for shard in self.shards()]
        if not shards:
            return pa.table({name: pa.array([], pa.string()).dictionary_encode() for name in _NAMES})
        rows = pa.concat_tables(shards, promote_options="default").unify_dictionaries().combine_chunks()
        return rows.take(np.argsort(_alphabetical(rows["architecture"].chunk(0)), kind="stable"))

    def tables(self) -> dict[Architecture, Table]:
        """Read everything.

        Returns:
            The tables by architecture in alphabetical order, however the store grew.

        Raises:
            ValueError: If a shard is damaged.
        """
        rows = self.rows()
        return _tables(rows, tuple(self.settings["statistics"])) if len(rows) else {}


def _find(path: Path) -> Path:
    shipped = shipped_features()
    if not path.exists() and str(path) in shipped:
        return shipped[str(path)]
    if not (path / "manifest.json").is_file():
        raise FileNotFoundError(
            f"{path} should be a feature store made by `parzc extract`; it has no manifest.json."
            f" Those that parzc ships are {', '.join(shipped) or 'none'}."
        )
    return path


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


def _read(shard: Path, columns: list[str] | None = None, **options: Any) -> pa.Table:
    try:
        return pq.read_table(shard, columns=columns, **options)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{shard} is damaged ({' '.join(str(error).split())[:80]}); delete it and run the same"
            " extraction again, which brings back what it held."
        ) from error


def _alphabetical(names: pa.DictionaryArray) -> Int[np.ndarray, " rows"]:
    """Number names by their place in the alphabet, that of Python whatever the system's."""
    dictionary = names.dictionary.to_pylist()
    place = np.empty(len(dictionary), dtype=np.int64)
    place[sorted(range(len(dictionary)), key=dictionary.__getitem__)] = np.arange(len(dictionary))
    numbers: Int[np.ndarray, " rows"] = place[names.indices.to_numpy()]
    return numbers


def _tables(rows: pa.Table, statistics: tuple[str, ...]) -> dict[Architecture, Table]:
    """Cut sorted rows into tables."""
    different, which = _nodes(rows.select(["node", "kind", "alive", *NODE_SIZES]))
    # values of the network as a whole have no column
    statistics = tuple(name for name in map(column_name, statistics) if name in rows.column_names)
    columns = [rows[name].to_numpy() for name in statistics]
    values = np.stack(columns, axis=1).astype(float) if columns else np.zeros((len(rows), 0))
    codes = rows["architecture"].chunk(0).indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    firsts = rows.take(starts)
    networks = [name for name in rows.column_names if name.startswith("network.")]
    network = {name.removeprefix("network."): firsts[name].to_pylist() for name in networks}
    spoilt = np.flatnonzero(pc.list_value_length(rows["missing"]).to_numpy())
    missing = dict(zip(spoilt.tolist(), rows["missing"].take(spoilt).to_pylist(), strict=True))
    tables: dict[Architecture, Table] = {}
    for i, name in enumerate(firsts["architecture"].to_pylist()):
        start, end = starts[i], starts[i + 1] if i + 1 < len(starts) else len(rows)
        there = spoilt[(spoilt >= start) & (spoilt < end)].tolist() if missing else []
        tables[Architecture(name)] = Table(
            nodes=SharedNodes.choose(different, which[start:end]),
            statistics=statistics,
            values=values[start:end],
            network={key: column[i] for key, column in network.items()},
            missing=tuple((different[which[row]].name, name) for row in there for name in missing[row]),
        )
    return tables


def _nodes(described: pa.Table) -> tuple[Shaped[np.ndarray, " different"], Int[np.ndarray, " rows"]]:
    """Make each different node once, and say which every row is: architectures share most of theirs."""
    codes = np.zeros(len(described), dtype=np.int64)
    for column in described.columns:
        encoded = column.combine_chunks().dictionary_encode()
        combined = codes * len(encoded.dictionary) + encoded.indices.to_numpy()
        codes = pa.array(combined).dictionary_encode().indices.to_numpy()
    first = np.empty(codes.max() + 1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    different = np.empty(len(first), dtype=object)
    fields = (column.to_pylist() for column in described.take(first).columns)
    different[:] = [NodeInfo(*each) for each in zip(*fields, strict=True)]
    return different, codes
