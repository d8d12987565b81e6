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
        features: The folder of a feature store; of several, their folders with commas between: what the
            first lacks is taken from the others, which should have its architectures.
        out: The folder of the copy.
        statistics: Those to keep; all by default.
        bits: Digits of the mantissa for values of operations, from 1 to 52. The relative error is at
            most 2 to the power of -(bits + 1).

    Returns:
        The copy.

    Raises:
        FileNotFoundError: If there is no such store.
        LookupError: If there is no such statistic.
        ValueError: If `out` holds a store already, a file is damaged, stores do not fit together or
            there are no such bits.
    """
    settings = dict(locals())
    stores = [FeatureStore.open(folder.strip()) for folder in features.split(",")]
    copy = compact_store(*stores, path=out, statistics=statistics, bits=bits)
    write_provenance(out, settings)
    before, after = sum(map(_size, stores)), _size(copy)
    print(f"{out}: {after / 1e6:.2f} MB, {after / before:.0%} of {features}.")
    return copy


def _size(store: FeatureStore) -> int:
    return sum(shard.stat().st_size for shard in store.shards())
