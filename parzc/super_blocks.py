"""Structures of super-blocks as in ZenNAS: their notation, what they take, and how they mutate."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from parzc.probing.table import Architecture

__all__ = ["TYPES", "Structure", "SuperBlock", "flops", "mutated", "read", "variants"]

TYPES = tuple((expansion, kernel) for kernel in (3, 5, 7) for expansion in (1, 2, 4, 6))
"""Expansion and kernel of a super-block."""

_FACTORS = (2.5, 2, 1.5, 1.25, 1, 1 / 1.25, 1 / 1.5, 1 / 2, 1 / 2.5)
_LONG = 6
_STEM = re.compile(r"conv3-(\d+)-s([12])")
_BLOCK = re.compile(r"E([1246])K([357])-(\d+)-s([12])-(\d+)x(\d+)")
_LAST = re.compile(r"conv1-(\d+)")
_EXAMPLE = "conv3-24-s2/E4K3-32-s2-32x3/E1K5-80-s2-48x1/conv1-2048"


@dataclass(frozen=True)
class SuperBlock:
    """Layers of two inverted bottlenecks each.

    Attributes:
        type: Expansion and kernel.
        width: Channels of the output.
        stride: Of the first layer.
        bottleneck: Channels between the two inverted bottlenecks of a layer.
        layers: How many.
    """

    type: tuple[int, int]
    width: int
    stride: int
    bottleneck: int
    layers: int

    def halves(self, width: int) -> Iterator[tuple[int, int, int, int, bool]]:
        """Say what the inverted bottlenecks are.

        Args:
            width: Channels of the input.

        Yields:
            Channels of the input, inside and of the output, the stride, and whether the shortcut is
            a projection.
        """
        expansion, _ = self.type
        for layer in range(self.layers):
            stride = 1 if layer else self.stride
            projects = layer == 0 or width != self.bottleneck
            yield width, expansion * self.bottleneck, self.bottleneck, stride, projects
            yield self.bottleneck, expansion * self.width, self.width, 1, self.bottleneck != self.width
            width = self.width


@dataclass(frozen=True)
class Structure:
    """A whole network.

    Attributes:
        stem: Channels of the 3×3 convolution at the input.
        stride: Of that convolution.
        blocks: The super-blocks.
        last: Channels of the 1×1 convolution at the end.
    """

    stem: int
    stride: int
    blocks: tuple[SuperBlock, ...]
    last: int

    @property
    def layers(self) -> int:
        """Layers of all super-blocks, and two for the convolutions at both ends."""
        return sum(block.layers for block in self.blocks) + 2

    @property
    def widths(self) -> list[int]:
        """Channels of the stem and after each super-block."""
        return [self.stem, *(block.width for block in self.blocks)]

    def split(self) -> "Structure":
        """Make one super-block of six layers or more into one of three and one of the rest."""
        blocks: list[SuperBlock] = []
        for block in self.blocks:
            while block.layers >= _LONG:
                blocks.append(replace(block, layers=_LONG // 2))
                block = replace(block, stride=1, layers=block.layers - _LONG // 2)
            blocks.append(block)
        return replace(self, blocks=tuple(blocks))

    def write(self) -> Architecture:
        """Write the notation."""
        blocks = "/".join(
            f"E{block.type[0]}K{block.type[1]}-{block.width}-s{block.stride}-{block.bottleneck}x{block.layers}"
            for block in self.blocks
        )
        return Architecture(f"conv3-{self.stem}-s{self.stride}/{blocks}/conv1-{self.last}")


def read(architecture: Architecture) -> Structure:
    """Read the notation.

    Args:
        architecture: Such as `conv3-24-s2/E4K3-32-s2-32x3/E1K5-80-s2-48x1/conv1-2048`.

    Returns:
        The structure, with long super-blocks split.

    Raises:
        ValueError: If it cannot be read; the message shows what one looks like.
    """
    first, *inner, final = architecture.split("/") if architecture.count("/") > 1 else ("", "")
    stem, last = _STEM.fullmatch(first), _LAST.fullmatch(final)
    found = [_BLOCK.fullmatch(part) for part in inner]
    matched = [match for match in found if match]
    if stem and last and len(matched) == len(found) > 0:
        blocks = [SuperBlock((e, k), *rest) for e, k, *rest in (map(int, m.groups()) for m in matched)]
        structure = Structure(int(stem[1]), int(stem[2]), tuple(blocks), int(last[1]))
        channels = [*structure.widths, *(block.bottleneck for block in blocks), structure.last]
        if all(count and count % 8 == 0 for count in channels) and all(block.layers for block in blocks):
            return structure.split()
    raise ValueError(
        f"an architecture should read {_EXAMPLE}, with channels in multiples of 8, expansions 1, 2, 4 or 6,"
        f" kernels 3, 5 or 7, strides 1 or 2, and at least one layer in a super-block; got {architecture!r}."
    )


def flops(structure: Structure, classes: int, image_shape: Sequence[int]) -> int:
    """Count multiply-accumulates as the public code of ZenNAS does.

    Args:
        structure: The structure.
        classes: Outputs of the classifier.
        image_shape: Channels, height and width of an input.

    Returns:
        The count for one input, with one for each normalised value; strided layers halve the sides
        and round down, and a projection of a strided layer is counted at a quarter of its pixels.
    """
    channels, *sides = image_shape
    area = _area(sides)
    sides = [side // structure.stride for side in sides]
    total = channels * structure.stem * 9 * area // structure.stride**2 + structure.stem * _area(sides)
    for width, block in zip(structure.widths, structure.blocks, strict=False):
        kernel = block.type[1]
        for before, inside, after, stride, projects in block.halves(width):
            area = _area(sides)
            sides = [side // stride for side in sides]
            total += (before + 1) * inside * area
            total += kernel**2 * inside * area // stride**2 + inside * _area(sides)
            total += (inside + 1) * after * _area(sides)
            total += projects * (before + 1) * after * _area(sides) // stride**2
    return total + (structure.widths[-1] + 1) * structure.last * _area(sides) + structure.last * classes


def mutated(structure: Structure, weights: Sequence[int], generator: Random) -> Structure:
    """Draw one super-block anew, or the channels of the stem.

    Args:
        structure: The structure.
        weights: How often each of `TYPES` is drawn.
        generator: Draws all.

    Returns:
        The structure with that, perhaps the same.
    """
    place = generator.randrange(len(structure.blocks) + 1)
    if place == 0:
        return replace(structure, stem=generator.choice(_scaled(structure.stem)))
    block = structure.blocks[place - 1]
    block = replace(
        block,
        type=generator.choices(TYPES, weights)[0],
        width=generator.choice(_scaled(block.width)),
        bottleneck=generator.choice(_scaled(block.bottleneck)),
        layers=generator.choice(_about(block.layers)),
    )
    return _with(structure, place - 1, block)


def variants(structure: Structure) -> Iterator[Structure]:
    """Change one property of one super-block, or the channels of the stem, in every way.

    Args:
        structure: The structure.

    Yields:
        Structures, this one among them.
    """
    for stem in _scaled(structure.stem):
        yield replace(structure, stem=stem)
    for place, block in enumerate(structure.blocks):
        changed = [
            *(replace(block, type=type_) for type_ in TYPES),
            *(replace(block, width=width) for width in _scaled(block.width)),
            *(replace(block, bottleneck=width) for width in _scaled(block.bottleneck)),
            *(replace(block, layers=layers) for layers in _about(block.layers)),
        ]
        for new in changed:
            yield _with(structure, place, new)


def _with(structure: Structure, place: int, block: SuperBlock) -> Structure:
    blocks = (*structure.blocks[:place], block, *structure.blocks[place + 1 :])
    return replace(structure, blocks=blocks).split()


def _scaled(channels: int) -> list[int]:
    return sorted({max(8, round(channels * factor / 8) * 8) for factor in _FACTORS})


def _about(layers: int) -> range:
    return range(max(1, layers - 2), layers + 3)


def _area(sides: Sequence[int]) -> int:
    return sides[0] * sides[1]
