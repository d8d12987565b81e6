"""The two search spaces of TransNAS-Bench-101."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from torch import Tensor, nn

from parzc.cell_operations import FactorizedReduce, ReLUConvBN, Zero
from parzc.choices import Choice, ChoiceSpace
from parzc.dense_cell import EDGES, DenseCell, without_dead_edges
from parzc.probing.table import Architecture

__all__ = ["TransNASBench101"]

_SKELETON = (4, 1, 4, 1, 4)
_MICRO = re.compile(r"64-41414-([0-3])_([0-3])([0-3])_([0-3])([0-3])([0-3])")
_MACRO = re.compile(r"64-([1-4])([1-4])([1-4])([1-4])([1-4]?)([1-4]?)-basic")


class TransNASBench101(ChoiceSpace):
    """The 4,096 cells (`micro`) or 3,256 skeletons (`macro`) of TransNAS-Bench-101, to classify images.

    `64-41414-1_02_333` is a cell in a fixed skeleton: the operations of its edges 0→1, 0→2, 1→2, 0→3,
    1→3 and 2→3, with 0 for none, 1 skip, 2 a 1x1 and 3 a 3x3 convolution. `64-1234-basic` is a skeleton
    of fixed blocks: four to six modules of two blocks each, of which 1 keeps the shape, 2 doubles the
    width, 3 halves the image and 4 does both; one to three double and one to four halve. The 64 stands
    for the benchmark's width.

    Args:
        level: `micro` or `macro`.
        channels: Width after the stem, even. The benchmark trains 64.
        classes: Outputs of the classifier; 47 for scenes, 75 for objects.
        image_shape: Channels, height and width of an input; the stem divides sides by four.

    Source:
        Duan et al., CVPR 2021; compared with the public networks. Deviations: the decoders of the tasks
        that do not classify are not built; initial weights are drawn module by module (see
        `parzc.initialise`), from PyTorch's default distributions instead of normal ones; the list
        counts digits up instead of following the index of the official file.
    """

    choices: ClassVar[Mapping[str, Sequence[Choice]]] = dict.fromkeys("abcdef", range(5))

    def __init__(
        self,
        *,
        level: Literal["micro", "macro"] = "micro",
        channels: int = 64,
        classes: int = 47,
        image_shape: Sequence[int] = (3, 256, 256),
    ) -> None:
        if channels < 2 or channels % 2:
            raise ValueError(f"channels should be even and at least 2, got {channels}.")
        super().__init__(classes=classes, image_shape=image_shape)
        self.level = level
        self.channels = channels

    def allowed(self, values: Sequence[Choice]) -> bool:
        """Say whether six digits are operations or modules, 0 for a module that is not there."""
        if self.level == "micro":
            return 4 not in values
        modules = [value for value in values if value]
        doubled, halved = (sum(value in kinds for value in modules) for kinds in ((2, 4), (3, 4)))
        there = len(modules) >= 4 and 0 not in values[: len(modules)]
        return there and 1 <= doubled <= 3 and 1 <= halved <= 4

    def read(self, architecture: Architecture) -> tuple[Choice, ...]:
        """Read the six digits."""
        match = (_MICRO if self.level == "micro" else _MACRO).fullmatch(architecture)
        values = tuple(int(digit or 0) for digit in match.groups()) if match else ()
        if match is None or not self.allowed(values):
            example = "64-41414-1_02_333" if self.level == "micro" else "64-1234-basic"
            raise ValueError(
                f"an architecture should read {example} on the {self.level} level, see the"
                f" documentation of TransNASBench101; got {architecture!r}."
            )
        return values

    def write(self, values: Sequence[Choice]) -> Architecture:
        """Write the six digits in the benchmark's notation."""
        a, b, c, d, e, f = (str(value) for value in values)
        if self.level == "micro":
            return Architecture(f"64-41414-{a}_{b}{c}_{d}{e}{f}")
        return Architecture(f"64-{(a + b + c + d + e + f).rstrip('0')}-basic")

    def canonical(self, architecture: Architecture) -> Architecture:
        """Replace every operation without influence on the output by 0.

        Args:
            architecture: The benchmark's notation.

        Returns:
            A notation, equal for cells whose live operations are equal; skeletons stay as they are.

        Raises:
            ValueError: If the notation cannot be read.
        """
        values = self.read(architecture)
        return self.write(without_dead_edges(values, 0) if self.level == "micro" else values)

    def network(self, **digits: int) -> nn.Module:
        """Construct the network of six digits."""
        values = tuple(digits.values())
        if self.level == "micro":
            return _Network(_SKELETON, values, self.channels, self.classes, self.image_shape[0])
        modules = [value for value in values if value]
        return _Network(modules, None, self.channels, self.classes, self.image_shape[0])


class _Block(nn.Module):
    """A residual block, before whose convolutions the activations are."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv_a = ReLUConvBN(channels_in, channels_out, 3, stride)
        self.conv_b = ReLUConvBN(channels_out, channels_out, 3)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or channels_in != channels_out:
            projection = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.downsample(x) + self.conv_b(self.conv_a(x))
        return out


def _cell(operations: Sequence[int], channels_in: int, channels_out: int, stride: int) -> DenseCell:
    return DenseCell(
        _operation(operation, channels_out, channels_out, 1)
        if tail
        else _operation(operation, channels_in, channels_out, stride)
        for operation, (tail, _) in zip(operations, EDGES, strict=True)
    )


def _operation(operation: int, channels_in: int, channels_out: int, stride: int) -> nn.Module:
    match operation:
        case 0:
            return Zero(stride, channels_out)
        case 1 if stride == 1:
            return nn.Identity()  # no skeleton widens without halving
        case 1:
            return FactorizedReduce(channels_in, channels_out)
        case _:
            return ReLUConvBN(channels_in, channels_out, 1 if operation == 2 else 3, stride)


class _Network(nn.Module):
    """Stem, modules of two cells or, without operations, of two blocks, average, classifier."""

    def __init__(
        self,
        modules: Sequence[int],
        operations: Sequence[int] | None,
        channels: int,
        classes: int,
        image_channels: int,
    ) -> None:
        super().__init__()
        stem = nn.Conv2d(image_channels, channels // 2, 3, 2, padding=1, bias=False)
        wider = ReLUConvBN(channels // 2, channels, 3, 2)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(channels // 2), wider)
        self.layers = nn.Sequential()
        for kind in modules:
            before, channels = channels, channels * (2 if kind in (2, 4) else 1)
            for width, stride in ((before, 2 if kind in (3, 4) else 1), (channels, 1)):
                if operations is None:
                    self.layers.append(_Block(width, channels, stride))
                else:
                    self.layers.append(_cell(operations, width, channels, stride))
        self.head = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.layers(self.stem(images))
        logits: Tensor = self.head(features.mean((2, 3)))
        return logits
