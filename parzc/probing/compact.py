"""Make a small copy of a feature store: chosen statistics, fewer digits, one file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Float, Int

from parzc.atomic import atomic_write
from parzc.probing.joining import join_stores
from parzc.probing.store import FeatureStore
from parzc.probing.table import column_name

__all__ = ["compact_store", "rounded"]

_LEVEL = 19  # the highest that needs no more memory to read
_BLOCKS = 23  # digits for blocks, those of single precision: they are few, and their differences count
_REPEATED = 20  # a value that occurs as often on average is cheaper in a dictionary


def compact_store(
    *stores: FeatureStore, path: str | Path, statistics: Sequence[str] | None = None, bits: int = 10
) -> FeatureStore:
    """Write a small copy of a store, whole or not at all.

    Values of operations are rounded, see `rounded`; those of blocks keep at least single precision. Sizes
    of nodes, values of the network as a whole and what is said to be missing are kept as they are, and so
    are columns of few different values, which a dictionary holds in as little.

    Args:
        stores: What to copy; of several all columns, see `parzc.probing.joining.join_stores`.
        path: The folder of the copy.
        statistics: Those to keep; all by default. Blocks and activations that only others read are
            left out.
        bits: Of the mantissa, from 1 to 52, where 52 keeps every digit.

    Returns:
        The copy, whose settings tell `rounded_to_bits`.

    Raises:
        LookupError: If there is no such statistic.
        ValueError: If there is a store in that folder, the one to copy is empty or a shard of it is
            damaged, several do not fit together, or there are no such bits.
    """
    if not 1 <= bits <= 52:
        raise ValueError(f"bits should be from 1 to 52, those of a mantissa; got {bits}.")
    if (Path(path) / "manifest.json").exists():
        raise ValueError(f"out should be a new folder, but {path} holds a feature store.")
    rows, settings = join_stores(stores)
    if not len(rows):
        raise ValueError(f"{stores[0].path} should hold tables, found none.")
    kept = _choose(settings["statistics"], statistics)
    rows = _select(rows, kept, [name for name in settings["statistics"] if name not in kept])
    digits = np.where(pc.equal(rows["kind"].cast(pa.string()), "block").to_numpy(), max(bits, _BLOCKS), bits)
    plenty = [name for name in map(column_name, kept) if name in rows.column_names and _is_varied(rows[name])]
    for name in plenty:
        numbers = rounded(rows[name].to_numpy(), digits)
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(numbers, from_pandas=True))
    with atomic_write(Path(path) / "shard-000000.parquet") as temporary:
        pq.write_table(
            rows,
            temporary,
            compression="zstd",
            compression_level=_LEVEL,
            row_group_size=len(rows),
            use_dictionary=[name for name in rows.column_names if name not in plenty],
            # bytes of equal weight side by side: those of the exponent repeat, the last are zero
            column_encoding=dict.fromkeys(plenty, "BYTE_STREAM_SPLIT"),
        )
    # The manifest, which makes it a store, comes last.
    bits = min(bits, settings.get("rounded_to_bits", bits))
    return FeatureStore.create(path, settings | {"statistics": kept, "rounded_to_bits": bits})


def rounded(
    values: Float[np.ndarray, " rows"], bits: int | Int[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """Round to a number of binary digits.

    Args:
        values: Of any size and sign.
        bits: How many digits after the first; 10 make a relative error of at most 0.0005.

    Returns:
        The nearest numbers with no more digits: off by at most 2 to the power of -(bits + 1), relative
        to the value. Zeros, infinities, NaN and whole numbers below 2 to the power of bits stay.
    """
    mantissa, exponent = np.frexp(values)
    nearest: Float[np.ndarray, " rows"] = np.ldexp(np.rint(np.ldexp(mantissa, bits + 1)), exponent - bits - 1)
    return nearest


def _is_varied(column: pa.ChunkedArray) -> bool:
    """Tell values worth rounding from those that a dictionary holds whole, such as of initial weights."""
    return bool(_REPEATED * pc.count_distinct(column).as_py() > len(column))


def _choose(known: Sequence[str], statistics: Sequence[str] | None) -> list[str]:
    if unknown := [name for name in statistics or () if name not in known]:
        raise LookupError(f"there is no {', '.join(unknown)} to keep; there are {', '.join(known)}.")
    return [name for name in known if statistics is None or name in statistics]


def _select(rows: pa.Table, kept: Sequence[str], dropped: Sequence[str]) -> pa.Table:
    """Leave out statistics, and rows that only these read."""
    gone = {column_name(name) for name in dropped}
    rows = rows.drop_columns(
        [c for c in rows.column_names if c.removeprefix("network.").partition(".")[0] in gone]
    )
    lists = rows["missing"].to_pylist()
    missing = [[name for name in names if name not in gone] for names in lists]
    rows = rows.set_column(
        rows.column_names.index("missing"), "missing", pa.array(missing, pa.list_(pa.string()))
    )
    read = pc.invert(pc.is_in(rows["kind"].cast(pa.string()), pa.array(["activation", "block"])))
    for name in map(column_name, kept):
        if name in rows.column_names:
            read = pc.or_(read, pc.is_valid(rows[name]))
    return rows.filter(pc.or_(read, pa.array([bool(names) for names in missing])))
