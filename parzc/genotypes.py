"""Genotypes: how DARTS and its kin write down a pair of cells."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from parzc.graphs import Graph
from parzc.probing.table import Architecture

__all__ = ["Cell", "Edge", "Genotype", "read_genotype", "write_genotype"]

Edge = tuple[str, int]
"""An operation and the state that it reads: 0 and 1 are the two cells before, 2 the first node."""

_EDGE = r"\(\s*['\"]\w+['\"]\s*,\s*\d+\s*\)"
_EDGES = rf"\[\s*({_EDGE}(?:\s*,\s*{_EDGE})*)\s*,?\s*\]"
_STATES = r"(\[[\d\s,]+\]|range\(\s*\d+\s*,\s*\d+\s*\))"
_NOTATION = re.compile(
    rf"\s*Genotype\(\s*normal\s*=\s*{_EDGES}\s*,\s*normal_concat\s*=\s*{_STATES}"
    rf"\s*,\s*reduce\s*=\s*{_EDGES}\s*,\s*reduce_concat\s*=\s*{_STATES}\s*,?\s*\)\s*"
)
_ONE_EDGE = re.compile(r"['\"](\w+)['\"]\s*,\s*(\d+)")
_EXAMPLE = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=[2],"
    " reduce=[('max_pool_3x3', 0), ('none', 1)], reduce_concat=[2])"
)


@dataclass(frozen=True)
class Cell:
    """Nodes that each add up two operations on earlier states.

    Attributes:
        edges: Two for each node, in the order of nodes.
        concat: The states that make the output, ascending.
    """

    edges: tuple[Edge, ...]
    concat: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check that every state is there when it is read."""
        for place, (operation, state) in enumerate(self.edges):
            if state >= 2 + place // 2:
                raise ValueError(
                    f"node {2 + place // 2} should read an earlier state, got {(operation, state)}."
                )
        nodes, odd = divmod(len(self.edges), 2)
        if odd or not nodes:
            raise ValueError(f"a cell should have two edges for each node, got {len(self.edges)}.")
        known = range(2, 2 + nodes)
        if not self.concat or list(self.concat) != sorted(set(self.concat) & set(known)):
            raise ValueError(
                f"a cell's output should list some of its nodes 2 to {1 + nodes} in ascending order,"
                f" got {list(self.concat)}."
            )

    def simplified(self) -> "Cell":
        """Write cells that compute the same in one way.

        Returns:
            The cell with `('none', 0)` for every edge that carries zeros or feeds nothing, and the
            two edges of a node in order of state and name.
        """
        reached, useful = {0, 1}, set(self.concat)
        heads = [2 + place // 2 for place in range(len(self.edges))]
        for head, (operation, state) in zip(heads, self.edges, strict=True):
            if operation != "none" and state in reached:
                reached.add(head)
        for head, (operation, state) in zip(reversed(heads), reversed(self.edges), strict=True):
            if operation != "none" and head in useful:
                useful.add(state)
        kept = [
            edge if edge[0] != "none" and edge[1] in reached and head in useful else ("none", 0)
            for head, edge in zip(heads, self.edges, strict=True)
        ]
        pairs = (sorted(kept[place : place + 2], key=_by_state) for place in range(0, len(kept), 2))
        return Cell(tuple(edge for pair in pairs for edge in pair), self.concat)

    def graph(self, operations: Sequence[str]) -> Graph:
        """Give the cell as a graph whose edges are operations.

        Args:
            operations: All that the space has.

        Returns:
            Two inputs, the nodes, and an output that edges without operation lead to.
        """
        last = 2 + len(self.edges) // 2
        within = [(state, 2 + place // 2) for place, (_, state) in enumerate(self.edges)]
        labels = [operations.index(operation) for operation, _ in self.edges]
        outwards = [(state, last) for state in self.concat]
        return Graph(operations, [*within, *outwards], [*labels, *[None] * len(outwards)], inputs=2)


@dataclass(frozen=True)
class Genotype:
    """The two cells of a network.

    Attributes:
        normal: Keeps the size of the image.
        reduce: Halves it.
    """

    normal: Cell
    reduce: Cell


def read_genotype(text: str) -> Genotype:
    """Read a genotype as it is printed, without evaluating it.

    Args:
        text: The notation; spaces, either quotes and `range(2, 6)` are fine.

    Returns:
        Its cells.

    Raises:
        ValueError: If it cannot be read; the message shows what one looks like.
    """
    match = _NOTATION.fullmatch(text)
    if match is None:
        raise ValueError(f"a genotype should read {_EXAMPLE}; got {text!r}.")
    try:
        return Genotype(_read_cell(match[1], match[2]), _read_cell(match[3], match[4]))
    except ValueError as error:
        raise ValueError(f"a genotype should read {_EXAMPLE}; {error} It is {text!r}.") from error


def write_genotype(genotype: Genotype) -> Architecture:
    """Write a genotype as Python prints it."""
    normal, reduce = genotype.normal, genotype.reduce
    return Architecture(
        f"Genotype(normal={list(normal.edges)}, normal_concat={list(normal.concat)},"
        f" reduce={list(reduce.edges)}, reduce_concat={list(reduce.concat)})"
    )


def _read_cell(edges: str, states: str) -> Cell:
    numbers: Sequence[int] = [int(number) for number in re.findall(r"\d+", states)]
    if states.startswith("range"):
        numbers = range(*numbers)
    found = tuple((name, int(state)) for name, state in _ONE_EDGE.findall(edges))
    return Cell(found, tuple(numbers))


def _by_state(edge: Edge) -> tuple[int, str]:
    return edge[1], edge[0]
