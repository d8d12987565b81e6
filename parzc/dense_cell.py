"""Cells of four vertices with an operation on each of their six edges."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TypeVar

import torch
from torch import Tensor, nn

__all__ = ["EDGES", "DenseCell", "without_dead_edges"]

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""From vertex 0, the cell's input, to vertex 3, its output."""

_Operation = TypeVar("_Operation")


class DenseCell(nn.Module):
    """A cell whose vertices are the sums of their incoming edges.

    Args:
        layers: In the order of `EDGES`.
    """

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Give the last vertex."""
        vertices = [x]
        for head in (1, 2, 3):
            incoming = [
                layer(vertices[tail])
                for layer, (tail, end) in zip(self.layers, EDGES, strict=True)
                if end == head
            ]
            vertices.append(reduce(torch.add, incoming))
        return vertices[3]


def without_dead_edges(operations: Sequence[_Operation], none: _Operation) -> list[_Operation]:
    """Replace every operation without influence on the output by none.

    Args:
        operations: In the order of `EDGES`.
        none: The operation that gives zeros.

    Returns:
        The operations on paths from the input to the output, and `none` for the others.
    """
    live = [operation != none for operation in operations]
    reached, useful = {0}, {3}
    for (tail, head), alive in zip(EDGES, live, strict=True):
        if alive and tail in reached:
            reached.add(head)
    for (tail, head), alive in zip(reversed(EDGES), reversed(live), strict=True):
        if alive and head in useful:
            useful.add(tail)
    return [
        operation if tail in reached and head in useful else none
        for operation, (tail, head) in zip(operations, EDGES, strict=True)
    ]
