"""What the graph of a cell says about it without a network: operations, paths and degrees."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from jaxtyping import Bool, Float

__all__ = ["Graph", "graph_features"]

_ALL_SUBSETS = 8
"""With more operations only subsets of one or two are told apart, as there would be too many."""


@dataclass(frozen=True)
class Graph:
    """A cell as an acyclic graph whose operations lie on its edges or on its vertices.

    Attributes:
        operations: All that the space has.
        edges: From a vertex to a later one.
        labels: What lies on each edge or, with `on_vertices`, on each vertex: the place in
            `operations`; `None` for what is no operation, such as inputs, the output and the edges
            that only concatenate.
        inputs: How many of the first vertices are inputs; the last vertex is the output.
        on_vertices: Whether operations lie on vertices.
    """

    operations: Sequence[str]
    edges: Sequence[tuple[int, int]]
    labels: Sequence[int | None]
    inputs: int = 1
    on_vertices: bool = False


def graph_features(graph: Graph) -> Float[np.ndarray, " features"]:
    """Describe a graph by counts, paths and degrees.

    First the numbers of vertices and edges, the degrees of inputs and output, the number of paths, and
    how often each operation occurs. Then for each set of operations, of which an edge is allowed if its own
    operation, or that of the vertex it leads to, is a member: the edges on the shortest allowed path from
    an input to the output (the number of all edges and one more if there is none), the most
    operations of the set on any path, the degrees of output and inputs that count allowed neighbours, and
    the mean of such degrees of all vertices, inwards and outwards; with operations on vertices also the
    largest of each.

    Args:
        graph: A cell.

    Returns:
        As many numbers for every graph with these operations.

    Source:
        Kadlecová et al., ICML 2024 (GRAF), whose idea it is. Deviations: degrees of all vertices, and
        the same features for operations on edges and on vertices.
    """
    edges = sorted(zip(graph.edges, range(len(graph.edges)), strict=True))
    tails, heads = np.array([pair for pair, _ in edges], dtype=int).reshape(-1, 2).T
    last = max([graph.inputs, *heads.tolist()])
    members = _members(graph)
    if graph.on_vertices:
        onwards, backwards, counted = members[heads, 1], members[tails, 1], members[heads, 0]
    else:
        order = [place for _, place in edges]
        onwards = backwards = members[order, 1]
        counted = members[order, 0]
    shortest, most, paths = _paths(tails, heads, onwards, counted, graph.inputs, last)
    into, out = _degrees(heads, backwards, last + 1), _degrees(tails, onwards, last + 1)
    of_sets = [shortest, most, into[last], out[: graph.inputs].sum(0)]
    of_sets += [into.mean(0), out.mean(0)]
    if (
        graph.on_vertices
    ):  # where degrees vary; on the complete graphs of cells with labelled edges it is noise
        of_sets += [into.max(0), out.max(0)]
    labels = [label for label in graph.labels if label is not None]
    counts = np.bincount(labels, minlength=len(graph.operations))
    whole = [last + 1, len(edges), (tails < graph.inputs).sum(), (heads == last).sum(), paths]
    return np.concatenate([whole, counts, np.stack(of_sets, axis=1).ravel()]).astype(float)


def _members(graph: Graph) -> Bool[np.ndarray, "labels 2 sets"]:
    """Say for each label and set whether it is a member, and whether it is that or no operation."""
    count = len(graph.operations)
    sizes = range(1, count + 1) if count <= _ALL_SUBSETS else (1, 2)
    sets = list(chain.from_iterable(combinations(range(count), size) for size in sizes))
    member = np.array([[operation in chosen for chosen in sets] for operation in range(count)])
    none = np.stack([np.zeros(len(sets), dtype=bool), np.ones(len(sets), dtype=bool)])
    rows = [none if label is None else np.stack([member[label]] * 2) for label in graph.labels]
    return np.stack(rows) if rows else np.zeros((0, 2, len(sets)), dtype=bool)


def _paths(
    tails: np.ndarray,
    heads: np.ndarray,
    allowed: Bool[np.ndarray, "edges sets"],
    counted: Bool[np.ndarray, "edges sets"],
    inputs: int,
    last: int,
) -> tuple[Float[np.ndarray, " sets"], Float[np.ndarray, " sets"], float]:
    """Find the shortest allowed path, the most counted edges on any path, and the number of paths."""
    none = len(tails) + 1.0
    shape = (last + 1, allowed.shape[1])
    shortest, most, paths = np.full(shape, none), np.full(shape, -np.inf), np.zeros(last + 1)
    shortest[:inputs], most[:inputs], paths[:inputs] = 0, 0, 1
    for tail, head, allow, count in zip(tails, heads, allowed, counted, strict=True):
        step = np.where(allow, shortest[tail] + 1, none)
        shortest[head] = np.minimum(shortest[head], np.minimum(step, none))
        most[head] = np.maximum(most[head], most[tail] + count)
        paths[head] += paths[tail]
    return shortest[last], np.maximum(most[last], 0), float(paths[last])


def _degrees(
    ends: np.ndarray, allowed: Bool[np.ndarray, "edges sets"], vertices: int
) -> Float[np.ndarray, "vertices sets"]:
    degrees = np.zeros((vertices, allowed.shape[1]))
    np.add.at(degrees, ends, allowed)
    return degrees
