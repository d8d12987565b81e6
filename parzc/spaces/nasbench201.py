"""The topology search space of NAS-Bench-201 (NATS-Bench TSS)."""

import itertools
import random
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar

from torch import nn

from parzc.choices import Choice, ChoiceSpace
from parzc.dense_cell import EDGES, without_dead_edges
from parzc.graphs import Graph
from parzc.probing.table import Architecture
from parzc.staged_network import StagedNetwork

__all__ = ["NASBench201"]

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_NOTATION = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")


class NASBench201(ChoiceSpace):
    """All 15,625 cells of NAS-Bench-201 in the benchmark's own notation and skeleton.

    A cell has four vertices and six edges, each edge one of five operations; a vertex is the sum of
    its incoming edges. Three stages of equal cells are joined by residual reductions.

    Args:
        channels: Width of the first stage; doubled at each reduction. The benchmark trains 16.
        cells: Cells in a stage. The benchmark trains 5.
        classes: Outputs of the classifier.
        image_shape: Channels, height and width of an input.

    Source:
        Dong & Yang, ICLR 2020; module names as in the public XAutoDL network, so that its state
        dictionaries load. Deviation: initial weights are drawn module by module (see
        `parzc.initialise`), from PyTorch's default distributions.
    """

    choices: ClassVar[Mapping[str, Sequence[Choice]]] = {f"{u}to{v}": OPERATIONS for u, v in EDGES}

    def __init__(
        self,
        *,
        channels: int = 16,
        cells: int = 5,
        classes: int = 10,
        image_shape: Sequence[int] = (3, 32, 32),
    ) -> None:
        if channels < 1 or cells < 1:
            raise ValueError(f"channels and cells should be at least 1, got {channels} and {cells}.")
        super().__init__(classes=classes, image_shape=image_shape)
        self.channels = channels
        self.cells = cells

    def architectures(self) -> Sequence[Architecture]:
        """List the whole space in the benchmark's order.

        Returns:
            The 15,625 notations; the position is the official index.
        """
        return _official_order()

    def read(self, architecture: Architecture) -> tuple[Choice, ...]:
        """Read the operations in the order of `EDGES`."""
        match = _NOTATION.fullmatch(architecture)
        if match is None or not set(match.groups()) <= set(OPERATIONS):
            raise ValueError(
                f"a cell should read |op~0|+|op~0|op~1|+|op~0|op~1|op~2| with op one of"
                f" {', '.join(OPERATIONS)}; got {architecture!r}."
            )
        return match.groups()

    def write(self, values: Sequence[Choice]) -> Architecture:
        """Write the operations in the benchmark's notation."""
        return _write(values)

    def network(self, **operations: str) -> nn.Module:
        """Construct the network of a cell."""
        widths = [self.channels] * self.cells
        for factor in (2, 4):
            widths += [factor * self.channels] * (1 + self.cells)
        return StagedNetwork(tuple(operations.values()), widths, self.classes, self.image_shape[0])

    def canonical(self, architecture: Architecture) -> Architecture:
        """Replace every operation without influence on the output by `none`.

        Args:
            architecture: The benchmark's notation.

        Returns:
            A notation, equal for cells whose live operations are equal: 9,445 for the whole space.

        Raises:
            ValueError: If the notation cannot be read.
        """
        return self.write(without_dead_edges(self.read(architecture), "none"))

    def graphs(self, architecture: Architecture) -> Sequence[Graph]:
        """Read the cell as a graph whose six edges are operations, `none` one of them."""
        return [Graph(OPERATIONS, EDGES, [OPERATIONS.index(str(name)) for name in self.read(architecture)])]


def _write(operations: Sequence[Choice]) -> Architecture:
    a, b, c, d, e, f = operations
    return Architecture(f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|")


@cache
def _official_order() -> tuple[Architecture, ...]:
    space = [_write(operations) for operations in itertools.product(OPERATIONS, repeat=len(EDGES))]
    random.Random(88).shuffle(space)  # the benchmark numbered its cells after this very shuffle
    return tuple(space)
