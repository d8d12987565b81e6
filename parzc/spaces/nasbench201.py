"""The topology search space of NAS-Bench-201 (NATS-Bench TSS)."""

import itertools
import random
import re
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from typing import ClassVar

import torch
from torch import Tensor, nn

from parzc.choices import Choice, ChoiceSpace
from parzc.probing.table import Architecture

__all__ = ["NASBench201"]

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
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
        names = tuple(operations.values())
        return _Network(names, self.channels, self.cells, self.classes, self.image_shape[0])

    def canonical(self, architecture: Architecture) -> Architecture:
        """Replace every operation without influence on the output by `none`.

        Args:
            architecture: The benchmark's notation.

        Returns:
            A notation, equal for cells whose live operations are equal: 9,445 for the whole space.

        Raises:
            ValueError: If the notation cannot be read.
        """
        operations = self.read(architecture)
        live = [operation != "none" for operation in operations]
        reached, useful = {0}, {3}
        for (tail, head), alive in zip(EDGES, live, strict=True):
            if alive and tail in reached:
                reached.add(head)
        for (tail, head), alive in zip(reversed(EDGES), reversed(live), strict=True):
            if alive and head in useful:
                useful.add(tail)
        kept = (
            operation if tail in reached and head in useful else "none"
            for operation, (tail, head) in zip(operations, EDGES, strict=True)
        )
        return self.write(tuple(kept))


def _write(operations: Sequence[Choice]) -> Architecture:
    a, b, c, d, e, f = operations
    return Architecture(f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|")


@cache
def _official_order() -> tuple[Architecture, ...]:
    space = [_write(operations) for operations in itertools.product(OPERATIONS, repeat=len(EDGES))]
    random.Random(88).shuffle(space)  # the benchmark numbered its cells after this very shuffle
    return tuple(space)


class _Zero(nn.Module):
    """`none`: multiplies by zero, which keeps the operation in the graph."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 0


class _ReLUConvBN(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
        self.op = nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.op(x)
        return out


def _operation(name: str, channels: int) -> nn.Module:
    match name:
        case "none":
            return _Zero()
        case "skip_connect":
            return nn.Identity()
        case "avg_pool_3x3":
            return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        case "nor_conv_1x1":
            return _ReLUConvBN(channels, channels, 1)
        case _:
            return _ReLUConvBN(channels, channels, 3)


class _Cell(nn.Module):
    def __init__(self, operations: Sequence[str], channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_operation(name, channels) for name in operations)

    def forward(self, x: Tensor) -> Tensor:
        vertices = [x]
        for head in (1, 2, 3):
            incoming = [
                layer(vertices[tail])
                for layer, (tail, end) in zip(self.layers, EDGES, strict=True)
                if end == head
            ]
            vertices.append(reduce(torch.add, incoming))
        return vertices[3]


class _Reduction(nn.Module):
    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv_a = _ReLUConvBN(channels_in, channels_out, 3, stride=2)
        self.conv_b = _ReLUConvBN(channels_out, channels_out, 3)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(2, stride=2), nn.Conv2d(channels_in, channels_out, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.downsample(x) + self.conv_b(self.conv_a(x))
        return out


class _Network(nn.Module):
    def __init__(
        self, operations: Sequence[str], channels: int, cells: int, classes: int, image_channels: int
    ) -> None:
        super().__init__()
        stem = nn.Conv2d(image_channels, channels, 3, padding=1, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(channels))
        layers: list[nn.Module] = []
        for stage in range(3):
            if stage:
                layers.append(_Reduction(channels, channels * 2))
                channels *= 2
            layers.extend(_Cell(operations, channels) for _ in range(cells))
        self.cells = nn.ModuleList(layers)
        self.lastact = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        for cell in self.cells:
            x = cell(x)
        x = self.lastact(x)
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits
