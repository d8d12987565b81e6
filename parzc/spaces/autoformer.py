"""The vision transformers of AutoFormer, of which ViT-Bench-101 trained a hundred."""

import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from parzc.initialise import initialise_by_name
from parzc.probing.table import Architecture
from parzc.space import Cost, draw_new
from parzc.transformer import MLP, Attention, Block, ClassToken, NormalLinear, Positions, RelativeAttention

__all__ = ["AutoFormer"]

_T = TypeVar("_T")
_HEAD_WIDTH = 64
_REACH = 14


@dataclass(frozen=True)
class _Options:
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    ratios: tuple[float, ...]
    heads: tuple[int, ...]


_SIZES = {
    "tiny": _Options((192, 216, 240), (12, 13, 14), (3.5, 4.0), (3, 4)),
    "small": _Options((320, 384, 448), (12, 13, 14), (3.0, 3.5, 4.0), (5, 6, 7)),
    "base": _Options((528, 576, 624), (14, 15, 16), (3.0, 3.5, 4.0), (9, 10)),
}


@dataclass(frozen=True)
class _Subnet:
    width: int
    ratios: tuple[float, ...]
    heads: tuple[int, ...]

    @property
    def hidden(self) -> tuple[int, ...]:
        return tuple(int(self.width * ratio) for ratio in self.ratios)

    def of_depth(self, depth: int) -> "_Subnet":  # cut, or the last layer repeated
        more = depth - len(self.heads)
        ratios, heads = self.ratios + self.ratios[-1:] * more, self.heads + self.heads[-1:] * more
        return replace(self, ratios=ratios[:depth], heads=heads[:depth])

    def write(self) -> Architecture:
        fields = {"hidden_dim": self.width, "depth": len(self.heads)}
        layers = {"mlp_ratio": self.ratios, "num_heads": self.heads}
        return Architecture(json.dumps(fields | layers, separators=(",", ":")))


class AutoFormer:
    """Vision transformers whose layers differ in their heads and in the width of their perceptrons.

    Written `{"hidden_dim":192,"depth":12,"mlp_ratio":[3.5,...],"num_heads":[3,...]}`, with a ratio and
    a number of heads for each layer; keys may come in any order. There are about 1e9 (tiny), 8e13
    (small) and 1e13 (base), too many to list. A head is 64 wide whatever the width of the tokens; the
    mean over the patches' tokens is classified, without the class token.

    Args:
        size: `tiny` is the space of ViT-Bench-101.
        patch: Side of a square patch in pixels.
        relative_positions: Whether attention also looks at how far apart two patches are.
        classes: Outputs of the classifier.
        image_shape: Channels, height and width of an input.

    Source:
        Chen et al., ICCV 2021, with the counts of the public code (microsoft/Cream) that AZ-NAS, CVPR
        2024, reports. Deviations: an architecture is a network of its own, not a slice of a supernet;
        query, key and value are layers of their own; no drop path; initial weights are drawn module by
        module (see `parzc.initialise`), from the published distributions.
    """

    def __init__(
        self,
        *,
        size: Literal["tiny", "small", "base"] = "tiny",
        patch: int = 16,
        relative_positions: bool = True,
        classes: int = 1000,
        image_shape: Sequence[int] = (3, 224, 224),
    ) -> None:
        channels, height, width = image_shape
        if patch < 1 or height % patch or width % patch:
            raise ValueError(
                f"patches should tile the image, got a side of {patch} for {height}x{width};"
                " set the space's `patch` to a divisor of both."
            )
        self.size = size
        self.patch = patch
        self.relative_positions = relative_positions
        self.classes = classes
        self.image_shape = (channels, height, width)
        self.grid = (height // patch, width // patch)
        self._options = _SIZES[size]

    def architectures(self) -> Sequence[Architecture]:
        """List none: there are too many."""
        return []

    def sample(self, n: int, seed: int) -> list[Architecture]:
        """Draw architectures without repetition.

        Args:
            n: How many.
            seed: The same seed gives the same order: a smaller sample is the start of a larger one.

        Returns:
            The notations: depth and width uniform, then ratio and heads of each layer.
        """
        return draw_new(self._random, n, seed)

    def build(self, architecture: Architecture) -> nn.Module:
        """Build the network of one architecture.

        Args:
            architecture: The notation.

        Returns:
            A network from images to logits, initialised from the global random state.

        Raises:
            ValueError: If the notation cannot be read.
        """
        subnet = self._read(architecture)
        return initialise_by_name(lambda: self._network(subnet))

    def canonical(self, architecture: Architecture) -> Architecture:
        """Write the JSON in one way: no two architectures compute the same function.

        Args:
            architecture: The notation, with keys in any order and any spaces.

        Returns:
            The notation, without spaces.

        Raises:
            ValueError: If it cannot be read.
        """
        return self._read(architecture).write()

    def mutate(self, architecture: Architecture, generator: random.Random) -> Architecture:
        """Change the width, the depth, or the ratio or heads of one layer.

        Args:
            architecture: The notation.
            generator: Draws which of the four, then which neighbour.

        Returns:
            One of `neighbours`.

        Raises:
            ValueError: If the notation cannot be read.
        """
        kinds = list(self._neighbours(self._read(architecture)))
        return generator.choice(generator.choice(kinds)).write()

    def neighbours(self, architecture: Architecture) -> Sequence[Architecture]:
        """List the architectures that differ in width, depth, or in one layer's ratio or heads.

        Args:
            architecture: The notation.

        Returns:
            Their notations. A deeper one repeats the last layer, a shallower one lacks it.

        Raises:
            ValueError: If the notation cannot be read.
        """
        return [new.write() for kind in self._neighbours(self._read(architecture)) for new in kind]

    def cost(self, architecture: Architecture) -> Cost:
        """Count parameters and FLOPs as published.

        Args:
            architecture: The notation.

        Returns:
            The parameters of the network that `build` makes, and the multiply-accumulates of one input
            by the formula of the public code. That formula counts blocks at one token too many, the
            classifier as if applied to every token, and a share for norms and positions.

        Raises:
            ValueError: If the notation cannot be read.
        """
        subnet = self._read(architecture)
        width, depth = subnet.width, len(subnet.heads)
        inner, hidden = _HEAD_WIDTH * sum(subnet.heads), sum(subnet.hidden)
        pixels = self.image_shape[0] * self.patch**2
        patches = self.grid[0] * self.grid[1]
        n = patches + 2
        parameters = (
            (pixels + 1) * width  # patches
            + n * width  # class token, positions
            + (2 * depth + 1) * 2 * width  # norms
            + 3 * inner * (width + 1)
            + (inner + depth) * width  # attention
            + (width + 1) * hidden
            + (hidden + depth) * width  # perceptrons
            + self.classes * (width + 1)
        )
        flops = (
            width
            + patches * pixels * width
            + (patches + 1) * width // 2
            + depth * 2 * n * width
            + 4 * n * width * inner
            + 2 * n * n * inner
            + 2 * n * width * hidden
            + self.classes * width * (patches + 1)
        )
        if self.relative_positions:
            parameters += 4 * 2 * (_REACH + 1) * _HEAD_WIDTH * depth
            flops += depth * (2 * _REACH * n * n + n * n // 2) + n * inner // 2
        return Cost(parameters, flops)

    def _read(self, architecture: Architecture) -> _Subnet:
        options = self._options
        try:
            found = json.loads(architecture)
        except ValueError:
            found = None
        match found:
            case {
                "hidden_dim": width,
                "depth": int(depth),
                "mlp_ratio": [*ratios],
                "num_heads": [*heads],
                **rest,
            }:
                known = width in options.widths and depth in options.depths and not rest
                known = known and all(ratio in options.ratios for ratio in ratios)
                known = known and all(count in options.heads for count in heads)
                if known and depth == len(ratios) == len(heads):
                    return _Subnet(int(width), tuple(map(float, ratios)), tuple(map(int, heads)))
        raise ValueError(
            f"an architecture should read {self.sample(1, 0)[0]}, with a ratio and a number of heads for each"
            f" layer and options from {options}; got {architecture!r}."
        )

    def _random(self, generator: random.Random) -> Architecture:
        options = self._options
        depth = generator.choice(options.depths)
        ratios, heads = generator.choices(options.ratios, k=depth), generator.choices(options.heads, k=depth)
        return _Subnet(generator.choice(options.widths), tuple(ratios), tuple(heads)).write()

    def _neighbours(self, subnet: _Subnet) -> Iterator[list[_Subnet]]:
        options, depth = self._options, len(subnet.heads)
        yield [replace(subnet, width=width) for width in options.widths if width != subnet.width]
        yield [subnet.of_depth(other) for other in options.depths if other != depth]
        yield [replace(subnet, ratios=new) for new in _changed(subnet.ratios, options.ratios)]
        yield [replace(subnet, heads=new) for new in _changed(subnet.heads, options.heads)]

    def _network(self, subnet: _Subnet) -> nn.Module:
        patches = nn.Conv2d(self.image_shape[0], subnet.width, self.patch, stride=self.patch)
        attention: Callable[..., nn.Module] = Attention
        if self.relative_positions:
            attention = partial(RelativeAttention, grid=self.grid, reach=_REACH)
        blocks = [
            Block(
                subnet.width,
                attention(subnet.width, heads, head_width=_HEAD_WIDTH, linear=NormalLinear),
                MLP(subnet.width, hidden, linear=NormalLinear),
            )
            for heads, hidden in zip(subnet.heads, subnet.hidden, strict=True)
        ]
        return _Network(patches, self.grid[0] * self.grid[1], blocks, self.classes)


def _changed(values: tuple[_T, ...], options: Sequence[_T]) -> list[tuple[_T, ...]]:
    places = itertools.product(range(len(values)), options)
    return [(*values[:i], new, *values[i + 1 :]) for i, new in places if new != values[i]]


class _Network(nn.Module):
    def __init__(self, patches: nn.Conv2d, count: int, blocks: Sequence[nn.Module], classes: int) -> None:
        super().__init__()
        width = patches.out_channels
        self.patches = patches
        self.cls = ClassToken(width)
        self.positions = Positions(count + 1, width)
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width)
        self.head = NormalLinear(width, classes)

    def forward(self, images: Float[Tensor, "b channels h w"]) -> Float[Tensor, "b classes"]:
        patches = self.patches(images).flatten(2).transpose(1, 2)
        tokens = self.norm(self.blocks(self.positions(self.cls(patches))))
        logits: Tensor = self.head(tokens[:, 1:].mean(1))
        return logits
