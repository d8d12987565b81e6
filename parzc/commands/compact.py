"""`parzc compact`: make a small copy of a feature store."""

from collections.abc import Sequence

from parzc.probing.compact import compact_store
from parzc.probing.store import FeatureStore
from parzc.provenance import write_provenance

__all__ = ["compact"]


def compact(
    *, features: str, out: str, statistics: Sequence[str] | None = None, bits: int = 10
) -> FeatureStore:
    """Make a small copy of a feature store, to keep or to pass on.

    Args:
        features: The folder of a feature store.
        out: The folder of the copy.
        statistics: Those to keep; all by default.
        bits: Digits of the mantissa for values of operations, from 1 to 52. The relative error is at
            most 2 to the power of -(bits + 1).

    Returns:
        The copy.

    Raises:
        FileNotFoundError: If there is no such store.
        LookupError: If the store lacks a statistic.
        ValueError: If `out` holds a store already, a file is damaged or there are no such bits.
    """
    settings = dict(locals())
    store = FeatureStore.open(features)
    copy = compact_store(store, out, statistics=statistics, bits=bits)
    write_provenance(out, settings)
    before, after = _size(store), _size(copy)
    print(f"{out}: {after / 1e6:.2f} MB, {after / before:.0%} of {features}.")
    return copy


def _size(store: FeatureStore) -> int:
    return sum(shard.stat().st_size for shard in store.shards())
