"""Architectures as rows of a table, for predictors that know nothing of nodes."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from parzc import plugins
from parzc.aggregate import open_named
from parzc.choices import ChoiceSpace
from parzc.competitor import Candidates
from parzc.graphs import Graph, graph_features
from parzc.probing.table import NODE_SIZES, Architecture, Table
from parzc.ranking import ranks
from parzc.training_free import TrainingFreeProxy

__all__ = ["STANDARD", "Kind", "feature_matrix"]

Kind = Literal["structure", "columns", "proxies", "sums", "nodes"]

STANDARD: tuple[Kind, ...] = ("structure", "columns", "proxies")
"""What tabular predictors see unless told otherwise."""

_LARGEST = 1e30


@runtime_checkable
class _HasGraphs(Protocol):
    def graphs(self, architecture: Architecture) -> Sequence[Graph]:
        """Read an architecture as the graphs of its cells."""


def feature_matrix(
    candidates: Candidates, kinds: Sequence[Kind] = STANDARD, *, ranked: bool = False
) -> Float[np.ndarray, "n features"]:
    """Describe every candidate by numbers, computed once for all competitors.

    Args:
        candidates: The architectures; no accuracy is looked at.
        kinds: What to put side by side, as far as the candidates have it. `structure`: the graphs of the
            canonical cell if the space gives them, see `parzc.graphs`, else the choices or the
            fields of the notation. `columns`: numbers from elsewhere. `proxies`: every training-free
            proxy that the tables have the statistics for. `sums`: statistics and sizes summed over the
            live nodes. `nodes`: those of every node, aligned by name.
        ranked: Put columns and proxies as ranks among the candidates, and standardise everything.

    Returns:
        Numbers within ±1e30; what is missing or not finite is the lowest.

    Raises:
        LookupError: If the candidates have nothing of the kind, or `sums` or `nodes` lack tables.
    """
    key = ("features", tuple(kinds), ranked)
    return candidates.keep(key, lambda: _features(candidates, kinds, ranked))


def _features(candidates: Candidates, kinds: Sequence[Kind], ranked: bool) -> Float[np.ndarray, "n features"]:
    parts = []
    for kind in kinds:
        values = candidates.keep(("kind", kind), partial(_KINDS[kind], candidates))
        if ranked and kind in ("columns", "proxies"):
            values = ranks(values.T, values.T).T
        parts.append(np.clip(np.nan_to_num(values, nan=-np.inf), -_LARGEST, _LARGEST))
    matrix = np.concatenate(parts, axis=1)
    if not matrix.shape[1]:
        raise LookupError(
            f"nothing is known of the architectures that could be a feature ({', '.join(kinds)}): give the"
            " track `features`, `columns`, or a space whose notation says something."
        )
    if ranked:
        deviation = matrix.std(0)
        matrix = (matrix - matrix.mean(0)) / np.where(deviation > 0, deviation, 1)
    return matrix


def _structure(candidates: Candidates) -> Float[np.ndarray, "n features"]:
    space = candidates.space
    rows = {name: _describe(space, name) for name in dict.fromkeys(candidates.canonical)}
    return np.array([rows[name] for name in candidates.canonical], dtype=float).reshape(len(candidates), -1)


def _describe(space: Any, architecture: Architecture) -> Sequence[float]:
    if isinstance(space, _HasGraphs):
        return [number for graph in space.graphs(architecture) for number in graph_features(graph).tolist()]
    if architecture.startswith("{"):
        fields = json.loads(architecture)
        return list(chain.from_iterable(_summary(fields[name]) for name in sorted(fields)))
    if isinstance(space, ChoiceSpace):
        chosen = zip(space.read(architecture), space.choices.values(), strict=True)
        return list(chain.from_iterable(_one_choice(value, options) for value, options in chosen))
    return []


def _summary(value: Any) -> list[float]:
    """Give a number as it is, and of a list its size, sum, extremes and the means of its thirds."""
    if not isinstance(value, list):
        return [float(value)]
    thirds = [float(np.mean(part)) if len(part) else 0.0 for part in np.array_split(value, 3)]
    return [float(len(value)), float(sum(value)), float(min(value)), float(max(value)), *thirds]


def _one_choice(value: Any, options: Sequence[Any]) -> list[float]:
    return [float(value == option) for option in options] if isinstance(value, str) else [float(value)]


def _columns(candidates: Candidates) -> Float[np.ndarray, "n features"]:
    empty = np.zeros((len(candidates), 0))
    return np.stack(list(candidates.columns.values()), axis=1) if candidates.columns else empty


def _proxies(candidates: Candidates) -> Float[np.ndarray, "n features"]:
    if not candidates.tables:
        return np.zeros((len(candidates), 0))
    opened = (open_named(name) for name in plugins.available("proxies"))
    first = next(iter(candidates.tables.values()))
    read = [proxy for proxy in opened if isinstance(proxy, TrainingFreeProxy) and _can_read(proxy, first)]
    return np.stack(candidates.by_table(lambda tables: [proxy.predict(tables)[0] for proxy in read]), axis=1)


def _can_read(proxy: TrainingFreeProxy, table: Table) -> bool:
    return set(proxy.reads) <= {*table.statistics, *table.network, *NODE_SIZES}


def _sums(candidates: Candidates) -> Float[np.ndarray, "n features"]:
    return _encoded(candidates, lambda encoded: encoded.values[:, -1].numpy())


def _nodes(candidates: Candidates) -> Float[np.ndarray, "n features"]:
    return _encoded(candidates, lambda encoded: encoded.flat().numpy())


def _encoded(
    candidates: Candidates, read: Callable[[Any], Float[np.ndarray, "tables features"]]
) -> Float[np.ndarray, "n features"]:
    def encode(tables: Sequence[Table]) -> list[Float[np.ndarray, " tables"]]:
        encoding = plugins.build("encodings", "aligned")
        encoding.fit(tables)
        return list(read(encoding(tables)).T)

    return np.stack(candidates.by_table(encode), axis=1)


_KINDS: dict[Kind, Callable[[Candidates], Float[np.ndarray, "n features"]]] = {
    "structure": _structure,
    "columns": _columns,
    "proxies": _proxies,
    "sums": _sums,
    "nodes": _nodes,
}
