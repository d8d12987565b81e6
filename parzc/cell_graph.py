"""The cells of NAS-Bench-101: labelled graphs, their notation, what they share and their official hash."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import md5
from itertools import combinations, permutations, product
from math import isqrt
from random import Random

from parzc.graphs import Graph
from parzc.probing.table import Architecture

__all__ = ["MAX_VERTICES", "OPERATIONS", "Cell"]

OPERATIONS = ("conv3x3", "conv1x1", "maxpool3x3")
"""In the benchmark's order: its hash and its choice among isomorphic cells depend on it."""

MAX_VERTICES = 7
_MAX_EDGES = 9
_md5 = partial(md5, usedforsecurity=False)
_NOTATION = re.compile(r"([01]+):([a-z0-9-]*)")
_EXAMPLE = "0110000010000110000100000:conv3x3-maxpool3x3-conv1x1"


@dataclass(frozen=True)
class Cell:
    """A directed graph from an input to an output whose vertices between them are operations.

    Written as the adjacency matrix, row by row, and the operations of the vertices between input and
    output: `0110000010000110000100000:conv3x3-maxpool3x3-conv1x1` has the edges 0→1, 0→2, 1→3, 2→3,
    2→4 and 3→4.

    Attributes:
        operations: Of vertex 1, 2, …, the last but one.
        edges: From a vertex to a later one. Vertex 0 is the input, the last the output.
    """

    operations: tuple[str, ...]
    edges: frozenset[tuple[int, int]]

    @property
    def last(self) -> int:
        """The output's number."""
        return len(self.operations) + 1

    @staticmethod
    def read(text: str) -> "Cell":
        """Read the notation.

        Args:
            text: Matrix and operations; a cell without operations is `0100:`.

        Returns:
            The cell as written.

        Raises:
            ValueError: If the text is no upper-triangular matrix with its operations.
        """
        match = _NOTATION.fullmatch(text)
        if match is None:
            raise _unreadable(text)
        return Cell.from_matrix(match[1], match[2].split("-") if match[2] else [])

    @staticmethod
    def from_matrix(adjacency: str, operations: Sequence[str]) -> "Cell":
        """Make a cell of the benchmark's two fields.

        Args:
            adjacency: The matrix's zeros and ones, row by row.
            operations: Of the vertices between input and output, by their names in `OPERATIONS`.

        Returns:
            The cell as given.

        Raises:
            ValueError: If the matrix is not square, of another size than the operations tell or not
                upper triangular, or an operation is unknown.
        """
        size = isqrt(len(adjacency))
        ones = [divmod(place, size) for place, digit in enumerate(adjacency) if digit == "1"]
        fits = size * size == len(adjacency) and size == len(operations) + 2 and set(adjacency) <= set("01")
        if not fits or any(tail >= head for tail, head in ones) or not set(operations) <= set(OPERATIONS):
            raise _unreadable(f"{adjacency}:{'-'.join(operations)}")
        return Cell(tuple(operations), frozenset(ones))

    def write(self) -> Architecture:
        """Write the notation that `read` reads."""
        size = range(self.last + 1)
        digits = "".join("01"[(tail, head) in self.edges] for tail in size for head in size)
        return Architecture(f"{digits}:{'-'.join(self.operations)}")

    def canonical(self) -> "Cell":
        """Leave out what does nothing, and order the vertices as the benchmark does.

        Returns:
            The same for all isomorphic cells: the one that the benchmark trained. Of the possible
            orders it is the one whose matrix, read column by column as a binary number with its
            lowest digit first, is smallest, and then whose operations come first.

        Raises:
            ValueError: If no path leads from the input to the output, or more than 7 vertices or 9
                edges remain.
        """
        pruned = self._pruned()
        if pruned.last >= MAX_VERTICES or len(pruned.edges) > _MAX_EDGES:
            raise ValueError(
                f"a cell should have at most {MAX_VERTICES} vertices and {_MAX_EDGES} edges that lie between"
                f" input and output, got {pruned.last + 1} and {len(pruned.edges)} in {self.write()!r}."
            )
        return min(pruned._orders(), key=Cell._rank)

    def fingerprint(self) -> str:
        """Hash the cell as the benchmark does.

        Returns:
            Its official key, equal for isomorphic cells. Vertices that do nothing count: hash the
            canonical cell.

        Source:
            Ying et al., ICML 2019; compared with google-research/nasbench.
        """
        every = range(self.last + 1)
        into = [[tail for tail in every if (tail, head) in self.edges] for head in every]
        out_of = [[head for head in every if (tail, head) in self.edges] for tail in every]
        labels = [-1, *map(OPERATIONS.index, self.operations), -2]
        texts = [str((len(out_of[v]), len(into[v]), labels[v])) for v in every]
        for _ in every:  # as many rounds as vertices: every vertex has heard of every other
            hashes = [_md5(text.encode()).hexdigest() for text in texts]
            before = ["".join(sorted(hashes[tail] for tail in into[v])) for v in every]
            after = ["".join(sorted(hashes[head] for head in out_of[v])) for v in every]
            texts = [f"{before[v]}|{after[v]}|{hashes[v]}" for v in every]
        hashes = sorted(_md5(text.encode()).hexdigest() for text in texts)
        return _md5(str(hashes).encode()).hexdigest()

    def widths(self, channels: int) -> list[int]:
        """Share the output's channels among the vertices that it concatenates.

        Args:
            channels: Of the output.

        Returns:
            Channels of every vertex, with 0 for the input. What does not divide evenly goes to the
            first; a vertex that does not lead to the output is as wide as the widest it leads to.
        """
        sharing = [vertex for vertex in range(1, self.last) if (vertex, self.last) in self.edges]
        widths = [0] * self.last + [channels]
        for place, vertex in enumerate(sharing):
            widths[vertex] = channels // len(sharing) + (place < channels % len(sharing))
        for vertex in range(self.last - 1, 0, -1):
            if vertex not in sharing:
                widths[vertex] = max(widths[head] for tail, head in self.edges if tail == vertex)
        return widths

    def changes(self) -> Iterator["Cell"]:
        """Change one place: an operation, an edge, or a vertex more with one edge in and one out.

        Yields:
            Cells as they come: some are equal, isomorphic or none of the space.
        """
        operations, edges = self.operations, self.edges
        for place, operation in product(range(len(operations)), OPERATIONS):
            yield Cell((*operations[:place], operation, *operations[place + 1 :]), edges)
        for tail, head in combinations(range(self.last + 1), 2):
            yield Cell(operations, edges ^ {(tail, head)})
            shifted = {(u + (u > tail), v + (v > tail)) for u, v in edges}  # the new vertex follows `tail`
            for operation in OPERATIONS:
                larger = (*operations[:tail], operation, *operations[tail:])
                yield Cell(larger, frozenset(shifted | {(tail, tail + 1), (tail + 1, head + 1)}))

    def grown(self, generator: Random) -> tuple[list[str], set[tuple[int, int]]]:
        """Place the vertices in a graph of 7, in their order, and draw the operations of the others."""
        operations = [generator.choice(OPERATIONS) for _ in range(MAX_VERTICES - 2)]
        interior = sorted(generator.sample(range(1, MAX_VERTICES - 1), len(self.operations)))
        for vertex, operation in zip(interior, self.operations, strict=True):
            operations[vertex - 1] = operation
        place = (0, *interior, MAX_VERTICES - 1)
        return operations, {(place[tail], place[head]) for tail, head in self.edges}

    def graph(self) -> Graph:
        """Give the cell as a graph whose vertices are operations."""
        labels = [None, *map(OPERATIONS.index, self.operations), None]
        return Graph(OPERATIONS, sorted(self.edges), labels, on_vertices=True)

    def _pruned(self) -> "Cell":
        reached, useful = {0}, {self.last}
        for tail, head in sorted(self.edges):
            if tail in reached:
                reached.add(head)
        for tail, head in sorted(self.edges, reverse=True):
            if head in useful:
                useful.add(tail)
        if self.last not in reached:
            raise ValueError(f"a path should lead from a cell's input to its output, got {self.write()!r}.")
        kept = sorted(reached & useful)
        number = {old: new for new, old in enumerate(kept)}
        edges = ((number[u], number[v]) for u, v in self.edges if u in number and v in number)
        return Cell(tuple(self.operations[v - 1] for v in kept[1:-1]), frozenset(edges))

    def _orders(self) -> Iterator["Cell"]:
        """Number the vertices in every way that leads from lower to higher numbers."""
        for interior in permutations(range(1, self.last)):
            place = (0, *interior, self.last)
            if all(place[tail] < place[head] for tail, head in self.edges):
                operations = (
                    operation for _, operation in sorted(zip(interior, self.operations, strict=True))
                )
                yield Cell(tuple(operations), frozenset((place[u], place[v]) for u, v in self.edges))

    def _rank(self) -> tuple[int, list[int]]:
        """Say when the benchmark's enumeration comes to this cell."""
        bits = sum(1 << (tail + head * (head - 1) // 2) for tail, head in self.edges)
        return bits, [OPERATIONS.index(operation) for operation in self.operations]


def _unreadable(text: str) -> ValueError:
    return ValueError(
        f"a cell should read {_EXAMPLE}: the upper-triangular adjacency matrix row by row, and one of"
        f" {', '.join(OPERATIONS)} for each vertex between input and output; got {text!r}."
    )
