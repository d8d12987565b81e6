"""Join feature stores of the same architectures, so that what was read later stands beside the rest."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int

from parzc.probing.store import FeatureStore

__all__ = ["join_stores"]

_KEYS = ["architecture", "node", "kind"]


def join_stores(stores: Sequence[FeatureStore]) -> tuple[pa.Table, dict[str, Any]]:
    """Put the columns of several stores side by side.

    Args:
        stores: Of the same space. The first says which architectures and nodes there are, and what
            it has wins; of the others come the columns that those before lack.

    Returns:
        Rows as `FeatureStore.rows` gives them, and settings: those of the first with all statistics, and
        what differs in the others as `joined`.

    Raises:
        ValueError: If spaces differ, a later store lacks an architecture of the first, or has values of
            nodes that the first lacks.
    """
    rows, settings = stores[0].rows(), dict(stores[0].settings)
    for store in stores[1:]:
        if store.settings.get("space") != settings.get("space"):
            raise ValueError(
                f"stores should be of one space with the same options, but {store.path} has"
                f" {store.settings.get('space')} and {stores[0].path} {settings.get('space')}."
            )
        rows = _join(rows, store.rows(), store)
        new = [name for name in store.settings["statistics"] if name not in settings["statistics"]]
        other = {key: value for key, value in store.settings.items() if settings.get(key) != value}
        settings["statistics"] = settings["statistics"] + new
        settings["joined"] = [*settings.get("joined", []), other | {"statistics": new}]
    return rows, settings


def _join(rows: pa.Table, other: pa.Table, store: FeatureStore) -> pa.Table:
    new = [name for name in other.column_names if name not in rows.column_names]
    theirs, ours = _keys(other), _keys(rows)
    if lacking := ours.loc[~ours["architecture"].isin(theirs["architecture"]), "architecture"].tolist():
        raise ValueError(
            f"{store.path} should have every architecture of the first store, lacks {lacking[0]}."
        )
    theirs = theirs[theirs["architecture"].isin(ours["architecture"])]
    place = _places(ours, theirs)
    firsts = theirs.drop_duplicates("architecture").set_index("architecture")["row"]
    network = ours["architecture"].map(firsts).to_numpy()
    for name in new:
        if name.startswith("network."):
            rows = rows.append_column(name, other[name].take(network))
        else:
            _check(other, name, np.setdiff1d(theirs["row"].to_numpy(), place[place >= 0]), store)
            found = other[name].take(pa.array(np.maximum(place, 0), mask=place < 0))
            rows = rows.append_column(name, found)
    return _with_missing(rows, other, place, set(new))


def _keys(rows: pa.Table) -> pd.DataFrame:
    keys: pd.DataFrame = pa.table({name: rows[name].cast(pa.string()) for name in _KEYS}).to_pandas()
    # a module that runs twice has two rows of the same name
    return keys.assign(turn=keys.groupby(_KEYS).cumcount(), row=np.arange(len(keys)))


def _places(ours: pd.DataFrame, theirs: pd.DataFrame) -> Int[np.ndarray, " rows"]:
    """Say where each of our rows is among theirs; -1 for nowhere."""
    found = ours.drop(columns="row").merge(theirs, how="left", on=[*_KEYS, "turn"])["row"]
    return found.fillna(-1).to_numpy().astype(np.int64)


def _check(other: pa.Table, name: str, left: Int[np.ndarray, " rows"], store: FeatureStore) -> None:
    if other[name].take(left).null_count < len(left):
        row = int(left[pc.index(pc.is_valid(other[name].take(left)), True).as_py()])
        node = f"{other['architecture'][row]} {other['node'][row]}"
        raise ValueError(
            f"{store.path} has {name} of {node}, a node that the first store lacks; name that store first."
        )


def _with_missing(
    rows: pa.Table, other: pa.Table, place: Int[np.ndarray, " rows"], new: set[str]
) -> pa.Table:
    theirs = other["missing"].to_pylist()
    found = [
        (names or []) + [name for name in (theirs[row] if row >= 0 else []) if name in new]
        for names, row in zip(rows["missing"].to_pylist(), place.tolist(), strict=True)
    ]
    column = pa.array(found, pa.list_(pa.string()))
    return rows.set_column(rows.column_names.index("missing"), "missing", column)
