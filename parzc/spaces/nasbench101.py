"""The cells of NAS-Bench-101."""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import combinations, product
from random import Random

import torch
from torch import Tensor, nn

from parzc.cell_graph import MAX_VERTICES, OPERATIONS, Cell
from parzc.graphs import Graph
from parzc.initialise import initialise_by_name
from parzc.probing.table import Architecture
from parzc.space import Cost, draw_new

__all__ = ["NASBench101"]

_WIDEST = 4  # vertices that a cell of 9 edges can concatenate, so that each has at least one channel
_KERNELS = {"conv3x3": 3, "conv1x1": 1}
_PAIRS = tuple(combinations(range(MAX_VERTICES), 2))


class NASBench101:
    """The 423,624 cells of at most 7 vertices and 9 edges, in the benchmark's skeleton.

    An architecture is the adjacency matrix row by row and the operations of the vertices between
    input and output: `0110000010000110000100000:conv3x3-maxpool3x3-conv1x1`; see
    `parzc.cell_graph.Cell`. Vertices that lie on no path from input to output do nothing and are
    left out. Isomorphic cells are one architecture: all get the network whose vertices are in the
    benchmark's order, because a width that does not divide evenly makes the order matter.

    Args:
        channels: Width of the first stack; doubled in each next one. The benchmark trains 128.
        stacks: Groups of equal cells, joined by max pooling. The benchmark trains 3.
        cells: Cells in a stack. The benchmark trains 3.
        classes: Outputs of the classifier.
        image_shape: Channels, height and width of an input.

    Source:
        Ying et al., ICML 2019; compared with google-research/nasbench: hashes and parameter counts
        of 20,001 cells are equal. Deviations: initial weights are drawn module by module (see
        `parzc.initialise`), from PyTorch's default distributions instead of variance scaling.
    """

    def __init__(
        self,
        *,
        channels: int = 128,
        stacks: int = 3,
        cells: int = 3,
        classes: int = 10,
        image_shape: Sequence[int] = (3, 32, 32),
    ) -> None:
        if channels < _WIDEST:
            raise ValueError(
                f"channels should be at least {_WIDEST}, as many vertices may share them; got {channels}."
            )
        if stacks < 1 or cells < 1:
            raise ValueError(f"stacks and cells should be at least 1, got {stacks} and {cells}.")
        self.channels = channels
        self.stacks = stacks
        self.cells = cells
        self.classes = classes
        self.image_shape = tuple(image_shape)

    def architectures(self) -> Sequence[Architecture]:
        """List nothing: the cells are too many to enumerate whenever one is asked for.

        Returns:
            No architectures; `sample` draws them.
        """
        return []

    def sample(self, n: int, seed: int) -> list[Architecture]:
        """Draw cells without repetition, as the benchmark's random search does.

        Each edge of a graph of 7 vertices is there with a probability of one half, each operation is
        equally likely, and what is no cell is drawn again.

        Args:
            n: How many.
            seed: The same seed gives the same order: a smaller sample is the start of a larger one.

        Returns:
            Canonical notations. Cells that can be drawn in more ways are likelier.

        Raises:
            ValueError: If no new cell turns up in a thousand draws.
        """
        return draw_new(_random, n, seed)

    def build(self, architecture: Architecture) -> nn.Module:
        """Build the network of one cell.

        Args:
            architecture: The notation.

        Returns:
            A network from images to logits, initialised from the global random state.

        Raises:
            ValueError: If the notation cannot be read or is no cell of the space.
        """
        cell = Cell.read(architecture).canonical()
        return initialise_by_name(lambda: _Network(cell, self))

    def canonical(self, architecture: Architecture) -> Architecture:
        """Write the cell that the benchmark trained for this one.

        Args:
            architecture: The notation.

        Returns:
            A notation without what does nothing, equal for isomorphic cells.

        Raises:
            ValueError: If the notation cannot be read or is no cell of the space.
        """
        return Cell.read(architecture).canonical().write()

    def mutate(self, architecture: Architecture, generator: Random) -> Architecture:
        """Mutate a cell as the benchmark's evolution does.

        Of a graph of 7 vertices one operation in expectation is drawn anew, and three edges are
        flipped; most of these lead nowhere.

        Args:
            architecture: The notation.
            generator: Draws what changes.

        Returns:
            A canonical notation of another cell.

        Raises:
            ValueError: If the notation cannot be read or is no cell of the space.

        Source:
            Ying et al., ICML 2019, as in their public notebook with its mutation rate of 1.
            Deviations: what lies on no path is not kept from one mutation to the next but drawn
            anew, without edges; and a cell that stays the same is mutated again.
        """
        cell = Cell.read(architecture).canonical()
        while True:
            operations, edges = cell.grown(generator)
            for place, operation in enumerate(operations):
                if generator.random() < 1 / len(operations):
                    operations[place] = generator.choice(
                        [other for other in OPERATIONS if other != operation]
                    )
            flipped = {pair for pair in _PAIRS if generator.random() < 1 / MAX_VERTICES}
            mutant = _valid(Cell(tuple(operations), frozenset(edges ^ flipped)))
            if mutant is not None and mutant != cell:
                return mutant.write()

    def neighbours(self, architecture: Architecture) -> Sequence[Architecture]:
        """List the cells that differ in one place.

        Args:
            architecture: The notation.

        Returns:
            Canonical notations of the cells with another operation, with an edge more or less, or
            with a vertex more that has one edge in and one edge out.

        Raises:
            ValueError: If the notation cannot be read or is no cell of the space.
        """
        cell = Cell.read(architecture).canonical()
        found = {changed: None for change in cell.changes() if (changed := _valid(change)) is not None}
        found.pop(cell, None)
        return [neighbour.write() for neighbour in found]

    def cost(self, architecture: Architecture) -> Cost:
        """Count parameters and FLOPs, without making weights.

        Args:
            architecture: The notation.

        Returns:
            The counts of the network that `build` makes, in closed form. Parameters are those that
            the benchmark publishes; of the operations, convolutions and the classifier are counted.

        Raises:
            ValueError: If the notation cannot be read or is no cell of the space.
        """
        cell = Cell.read(architecture).canonical()
        image_channels, height, width = self.image_shape
        channels = self.channels
        convolutions = [(3, image_channels, channels, height * width)]
        for stack in range(self.stacks):
            channels_in = channels
            if stack:
                height, width, channels = (height + 1) // 2, (width + 1) // 2, channels * 2
            shapes = list(_convolutions(cell, channels_in, channels))
            shapes += (self.cells - 1) * list(_convolutions(cell, channels, channels))
            convolutions += [(*shape, height * width) for shape in shapes]
        weights = [(kernel**2 * inputs * outputs, pixels) for kernel, inputs, outputs, pixels in convolutions]
        normalisation = sum(2 * outputs for _, _, outputs, _ in convolutions)
        parameters = sum(n for n, _ in weights) + normalisation + (channels + 1) * self.classes
        return Cost(parameters, sum(n * pixels for n, pixels in weights) + channels * self.classes)

    def graphs(self, architecture: Architecture) -> Sequence[Graph]:
        """Read the cell as a graph whose vertices are operations."""
        return [Cell.read(architecture).graph()]


def _valid(cell: Cell) -> Cell | None:
    try:
        return cell.canonical()
    except ValueError:
        return None


def _random(generator: Random) -> Architecture:
    while True:
        operations = tuple(generator.choice(OPERATIONS) for _ in range(MAX_VERTICES - 2))
        cell = _valid(Cell(operations, frozenset(pair for pair in _PAIRS if generator.random() < 0.5)))
        if cell is not None:
            return cell.write()


def _convolutions(cell: Cell, channels_in: int, channels_out: int) -> Iterator[tuple[int, int, int]]:
    """List kernel, inputs and outputs of a cell's convolutions."""
    widths = cell.widths(channels_out)
    for vertex, operation in enumerate((*cell.operations, ""), 1):
        if (0, vertex) in cell.edges:
            yield 1, channels_in, widths[vertex]
        if operation in _KERNELS:
            yield _KERNELS[operation], widths[vertex], widths[vertex]


class _ConvBNReLU(nn.Sequential):
    def __init__(self, channels_in: int, channels_out: int, kernel: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(channels_out, eps=1e-5, momentum=0.003),  # the benchmark's 0.997 is the other part
            nn.ReLU(),
        )


class _Cell(nn.Module):
    def __init__(self, cell: Cell, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.edges = cell.edges
        self.last = cell.last
        self.widths = cell.widths(channels_out)
        self.projections = nn.ModuleDict(
            {
                str(head): _ConvBNReLU(channels_in, self.widths[head], 1)
                for tail, head in sorted(cell.edges)
                if tail == 0
            }
        )
        self.operations = nn.ModuleList(
            _ConvBNReLU(width, width, _KERNELS[operation])
            if operation in _KERNELS
            else nn.MaxPool2d(3, stride=1, padding=1)
            for operation, width in zip(cell.operations, self.widths[1:-1], strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        interior: dict[int, Tensor] = {}
        for vertex, operation in enumerate(self.operations, 1):
            incoming = [out[:, : self.widths[vertex]] for out in self._into(vertex, interior)]
            interior[vertex] = operation(reduce(torch.add, incoming + self._projected(vertex, x)))
        outputs = self._into(self.last, interior)
        concatenated = [torch.cat(outputs, 1)] if outputs else []
        return reduce(torch.add, concatenated + self._projected(self.last, x))

    def _into(self, head: int, interior: dict[int, Tensor]) -> list[Tensor]:
        return [out for tail, out in interior.items() if (tail, head) in self.edges]

    def _projected(self, head: int, x: Tensor) -> list[Tensor]:
        return [self.projections[str(head)](x)] if str(head) in self.projections else []


class _Network(nn.Module):
    def __init__(self, cell: Cell, space: NASBench101) -> None:
        super().__init__()
        channels = space.channels
        self.stem = _ConvBNReLU(space.image_shape[0], channels, 3)
        layers: list[nn.Module] = []
        for stack, place in product(range(space.stacks), range(space.cells)):
            channels_in = channels
            if stack and not place:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
                channels *= 2
            layers.append(_Cell(cell, channels_in, channels))
        self.cells = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, space.classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.cells(self.stem(images)).mean((2, 3)))
        return logits
