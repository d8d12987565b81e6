"""DARTS and the other cell spaces of NDS."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Literal

import torch
from torch import Tensor, nn

from parzc.cell_operations import FactorizedReduce, ReLUConvBN, make_operation
from parzc.cost import measure_cost
from parzc.genotypes import Cell, Edge, Genotype, read_genotype, write_genotype
from parzc.graphs import Graph
from parzc.initialise import initialise_by_name
from parzc.probing.table import Architecture
from parzc.space import Cost, draw_new

__all__ = ["DARTS"]

Family = Literal["darts", "enas", "pnas", "nasnet", "amoeba"]

_SKIP_AND_POOL = ("skip_connect", "avg_pool_3x3", "max_pool_3x3")
_SEP = ("sep_conv_3x3", "sep_conv_5x5")
_SEP_7 = (*_SEP, "sep_conv_7x7")
OPERATIONS: dict[Family, tuple[str, ...]] = {
    "darts": ("none", *_SKIP_AND_POOL, *_SEP, "dil_conv_3x3", "dil_conv_5x5"),
    "enas": (*_SKIP_AND_POOL, *_SEP),
    "pnas": (*_SKIP_AND_POOL, *_SEP_7, "dil_conv_3x3", "conv_7x1_1x7"),
    "nasnet": (
        *(*_SKIP_AND_POOL, "max_pool_5x5", "max_pool_7x7"),
        *(*_SEP_7, "dil_conv_3x3", "conv_1x1", "conv_3x3", "conv_3x1_1x3", "conv_7x1_1x7"),
    ),
    "amoeba": (*_SKIP_AND_POOL, *_SEP_7, "dil_sep_conv_3x3", "conv_7x1_1x7"),
}
_ALL_NODES: tuple[Family, ...] = ("darts", "pnas")
"""Families whose cells put out all nodes; the others put out those that no other node reads."""


class DARTS:
    """Pairs of cells in which every node adds up two operations, written as a genotype.

    `Genotype(normal=[('op', j), …], normal_concat=[2, 3, 4, 5], reduce=[…], reduce_concat=[…])` has two
    edges for each node. State j is the output of the cell before last (0), of the last cell (1) or
    of a node of this one (2 and up). Any number of nodes and any output can be read, and `none`
    everywhere.

    Args:
        operations: The family, which says what there is to choose from when sampling and mutating: the
            operations, four nodes (`darts`) or five, and which nodes are put out.
        degenerate: Draw also `none` and twice the same input for a node, as NDS does.
        channels: Width of the first cells, doubled at each reduction. DARTS trains 36.
        layers: Cells in a row; those after one and two thirds reduce. DARTS trains 20.
        classes: Outputs of the classifier.
        image_shape: Channels, height and width of an input.

    Source:
        Liu, Simonyan & Yang, ICLR 2019; Radosavovic et al., ICCV 2019, table 3. The numbers of
        architectures in that table follow from the operations and nodes here. Compared with the
        public networks of DARTS and of pycls. Deviations: neither auxiliary head nor drop path;
        initial weights are drawn module by module (see `parzc.initialise`), from PyTorch's default
        distributions; operations are named after what they do and not numbered; an image of odd
        side is halved rounding up, where DARTS fails.
    """

    def __init__(
        self,
        *,
        operations: Family = "darts",
        degenerate: bool = False,
        channels: int = 16,
        layers: int = 8,
        classes: int = 10,
        image_shape: Sequence[int] = (3, 32, 32),
    ) -> None:
        if channels < 1 or layers < 1:
            raise ValueError(f"channels and layers should be at least 1, got {channels} and {layers}.")
        if operations not in OPERATIONS:
            raise ValueError(f"operations should be one of {', '.join(OPERATIONS)}, got {operations!r}.")
        self.operations = operations
        self.degenerate = degenerate
        self.channels = channels
        self.layers = layers
        self.classes = classes
        self.image_shape = tuple(image_shape)

    def architectures(self) -> Sequence[Architecture]:
        """List nothing: there are too many.

        Returns:
            The empty list.
        """
        return []

    def sample(self, n: int, seed: int) -> list[Architecture]:
        """Draw genotypes without repetition.

        Args:
            n: How many.
            seed: The same seed gives the same order: a smaller sample is the start of a larger one.

        Returns:
            The notations; operations, inputs and both cells are drawn independently.
        """
        return draw_new(
            lambda generator: write_genotype(Genotype(self._draw(generator), self._draw(generator))), n, seed
        )

    def build(self, architecture: Architecture) -> nn.Module:
        """Build the network of a genotype.

        Args:
            architecture: The notation.

        Returns:
            A network from images to logits, initialised from the global random state.

        Raises:
            ValueError: If the notation cannot be read.
        """
        return initialise_by_name(lambda: self._construct(architecture))

    def canonical(self, architecture: Architecture) -> Architecture:
        """Write genotypes that compute the same function in one way.

        Args:
            architecture: The notation.

        Returns:
            The genotype with `('none', 0)` for every edge that carries zeros or feeds nothing, and
            the two edges of a node in order. As in NAS-Bench-201, a convolution of zeros counts as zero,
            which its batch normalisation can unlearn in training. Cells that differ by the order of
            nodes are not merged.

        Raises:
            ValueError: If it cannot be read.
        """
        genotype = self._read(architecture)
        return write_genotype(Genotype(genotype.normal.simplified(), genotype.reduce.simplified()))

    def mutate(self, architecture: Architecture, generator: Random) -> Architecture:
        """Choose one operation or one input of one cell anew.

        Args:
            architecture: The notation.
            generator: Draws the place, then what it becomes.

        Returns:
            One of `neighbours`.

        Raises:
            ValueError: If the notation cannot be read.
        """
        by_place = [found for found in self._neighbours(self._read(architecture)) if found]
        return write_genotype(generator.choice(generator.choice(by_place)))

    def neighbours(self, architecture: Architecture) -> Sequence[Architecture]:
        """List the genotypes that differ in one operation or one input of one cell.

        Args:
            architecture: The notation.

        Returns:
            Their notations.

        Raises:
            ValueError: If the notation cannot be read.
        """
        genotype = self._read(architecture)
        return [write_genotype(found) for place in self._neighbours(genotype) for found in place]

    def graphs(self, architecture: Architecture) -> Sequence[Graph]:
        """Read both cells as graphs whose edges are operations, `none` one of them."""
        genotype = self._read(architecture)
        return [cell.graph(OPERATIONS[self.operations]) for cell in (genotype.normal, genotype.reduce)]

    def cost(self, architecture: Architecture) -> Cost:
        """Count parameters and FLOPs, without making weights.

        Args:
            architecture: The notation.

        Returns:
            The counts of the network that `build` makes, see `parzc.cost.measure_cost`.

        Raises:
            ValueError: If the notation cannot be read.
        """
        return measure_cost(lambda: self._construct(architecture), self.image_shape)

    def _read(self, architecture: Architecture) -> Genotype:
        genotype = read_genotype(architecture)
        known = {"none", *OPERATIONS[self.operations]}
        if unknown := {name for name, _ in genotype.normal.edges + genotype.reduce.edges} - known:
            raise ValueError(
                f"a genotype of {self.operations} should read with operations from"
                f" {', '.join(OPERATIONS[self.operations])}; got {', '.join(sorted(unknown))}:"
                " set the space's `operations` to the family that has them."
            )
        return genotype

    def _construct(self, architecture: Architecture) -> nn.Module:
        genotype = self._read(architecture)
        return _Network(genotype, self.channels, self.layers, self.classes, self.image_shape[0])

    def _options(self) -> list[str]:
        return [name for name in OPERATIONS[self.operations] if self.degenerate or name != "none"]

    def _draw(self, generator: Random) -> Cell:
        edges: list[Edge] = []
        for node in range(4 if self.operations == "darts" else 5):
            states = range(2 + node)
            inputs = generator.choices(states, k=2) if self.degenerate else generator.sample(states, 2)
            edges += [(generator.choice(self._options()), state) for state in inputs]
        return self._close(edges, tuple(range(2, 2 + len(edges) // 2)))

    def _close(self, edges: Sequence[Edge], concat: tuple[int, ...]) -> Cell:
        if self.operations not in _ALL_NODES:
            read = {state for _, state in edges}
            concat = tuple(node for node in range(2, 2 + len(edges) // 2) if node not in read)
        return Cell(tuple(edges), concat)

    def _neighbours(self, genotype: Genotype) -> Iterator[list[Genotype]]:
        for cells in self._changed(genotype.normal):
            yield [Genotype(cell, genotype.reduce) for cell in cells]
        for cells in self._changed(genotype.reduce):
            yield [Genotype(genotype.normal, cell) for cell in cells]

    def _changed(self, cell: Cell) -> Iterator[list[Cell]]:
        for place, (operation, state) in enumerate(cell.edges):
            taken = set() if self.degenerate else {cell.edges[place ^ 1][1]}
            names = [(name, state) for name in self._options() if name != operation]
            others = set(range(2 + place // 2)) - taken - {state}
            for options in (names, [(operation, other) for other in sorted(others)]):
                yield [
                    self._close((*cell.edges[:place], edge, *cell.edges[place + 1 :]), cell.concat)
                    for edge in options
                ]


class _Cell(nn.Module):
    def __init__(
        self, cell: Cell, before: tuple[int, int], channels: int, *, stride: int, halve: bool
    ) -> None:
        super().__init__()
        first, second = before
        self.preprocess0 = FactorizedReduce(first, channels) if halve else ReLUConvBN(first, channels, 1)
        self.preprocess1 = ReLUConvBN(second, channels, 1)
        self.concat = cell.concat
        self.ops = nn.ModuleDict()
        self.inputs = [state for _, state in cell.edges]
        for place, (name, state) in enumerate(cell.edges):
            key = f"n{2 + place // 2}_j{state}_{name}"  # the same whichever edge of a node comes first
            operation = make_operation(name, channels, stride if state < 2 else 1)
            self.ops[f"{key}_b" if f"{key}_a" in self.ops else f"{key}_a"] = operation

    def forward(self, before_last: Tensor, last: Tensor) -> Tensor:
        states = [self.preprocess0(before_last), self.preprocess1(last)]
        edges = list(zip(self.ops.values(), self.inputs, strict=True))
        for (first, i), (second, j) in zip(edges[::2], edges[1::2], strict=True):
            states.append(first(states[i]) + second(states[j]))
        return torch.cat([states[node] for node in self.concat], 1)


class _Network(nn.Module):
    def __init__(
        self, genotype: Genotype, channels: int, layers: int, classes: int, image_channels: int
    ) -> None:
        super().__init__()
        stem = nn.Conv2d(image_channels, 3 * channels, 3, padding=1, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(3 * channels))
        before, halve = (3 * channels, 3 * channels), False
        self.cells = nn.ModuleList()
        for layer in range(layers):
            reduces = layer in (layers // 3, 2 * layers // 3)
            channels *= 1 + reduces
            cell = genotype.reduce if reduces else genotype.normal
            self.cells.append(_Cell(cell, before, channels, stride=1 + reduces, halve=halve))
            before, halve = (before[1], channels * len(cell.concat)), reduces
        self.classifier = nn.Linear(before[1], classes)

    def forward(self, images: Tensor) -> Tensor:
        before_last = last = self.stem(images)
        for cell in self.cells:
            before_last, last = last, cell(before_last, last)
        logits: Tensor = self.classifier(last.mean((2, 3)))
        return logits
