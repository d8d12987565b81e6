"""The MobileNetV2-like search space of ZenNAS, in which ZiCo and AZ-NAS search too."""

import random
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from parzc.initialise import initialise_by_name
from parzc.probing.table import Architecture
from parzc.space import Cost, draw_new
from parzc.super_blocks import TYPES, Structure, flops, mutated, read, variants

__all__ = ["MobileNetV2"]

_INITIAL = "conv3-8-s2/E6K3-32-s2-8x1/E6K3-48-s2-32x1/E6K3-96-s2-48x1/E6K3-128-s2-96x1/conv1-2048"
_PUBLISHED_WEIGHTS = (12, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)
_TRIES = 1000


class MobileNetV2:
    """Stages of inverted bottlenecks within a budget of FLOPs and layers.

    Written from input to output as `conv3-24-s2/E4K3-32-s2-32x3/E1K5-80-s2-48x1/conv1-2048`: a 3×3
    convolution to 24 channels with stride 2; super-blocks, here of expansion 4 and kernel 3 to 32
    channels with stride 2, bottleneck 32, three layers; a 1×1 convolution to 2048. A layer of a
    super-block is two residual inverted bottlenecks, to the bottleneck's channels and from there to
    the super-block's own. Channels are multiples of 8. A super-block of six layers or more is read as
    one of three and one, without stride, of the rest. The budget bounds what is drawn; what is
    written down can be built whatever it takes.

    Args:
        max_flops: Of an architecture that is drawn, in multiply-accumulates by the published formula.
        max_layers: Of all super-blocks, the stem and the last convolution together.
        published_bias: Whether mutation draws small expansions and kernels more often, as the public
            code does: E1K3 six times as often as E6K7.
        walk: Mutations from the initial structure to a sample.
        squeeze_excitation: Whether depthwise convolutions are followed by squeeze and excitation, as
            in the published training, not in the search.
        classes: Outputs of the classifier.
        image_shape: Channels, height and width of an input.

    Source:
        Lin et al., ICCV 2021 (ZenNAS), with the rules of Lee & Ham, CVPR 2024 (AZ-NAS). Compared with
        idstcv/ZenNAS. Deviations: the rest of a long super-block is kept, as AZ-NAS does; projections
        have no bias, which the norm after them would remove; a mutation that would change nothing or
        break the budget is drawn again; initial weights are PyTorch's, drawn module by module (see
        `parzc.initialise`, which has the published schemes too).
    """

    def __init__(
        self,
        *,
        max_flops: float = 450e6,
        max_layers: int = 14,
        published_bias: bool = True,
        walk: int = 50,
        squeeze_excitation: bool = False,
        classes: int = 1000,
        image_shape: Sequence[int] = (3, 224, 224),
    ) -> None:
        self.max_flops = max_flops
        self.max_layers = max_layers
        self.weights = _PUBLISHED_WEIGHTS if published_bias else (1,) * len(TYPES)
        self.walk = walk
        self.squeeze_excitation = squeeze_excitation
        self.classes = classes
        self.image_shape = tuple(image_shape)
        self.initial = read(Architecture(_INITIAL))
        if not self._affords(self.initial):
            raise ValueError(
                f"the budget should allow the initial structure, {self._flops(self.initial):,} FLOPs and"
                f" {self.initial.layers} layers, got {max_flops:,} and {max_layers};"
                " raise `max_flops` or `max_layers`."
            )

    def architectures(self) -> Sequence[Architecture]:
        """List none: there is no end of them."""
        return []

    def sample(self, n: int, seed: int) -> list[Architecture]:
        """Draw architectures without repetition.

        Args:
            n: How many.
            seed: The same seed gives the same order: a smaller sample is the start of a larger one.

        Returns:
            The notations. Each is the end of a random walk of its own, of `walk` mutations from the
            initial structure; so they are not equally likely.
        """
        return draw_new(self._walk, n, seed)

    def build(self, architecture: Architecture) -> nn.Module:
        """Build the network of one architecture.

        Args:
            architecture: The notation.

        Returns:
            A network from images to logits, initialised from the global random state.

        Raises:
            ValueError: If the notation cannot be read.
        """
        structure = read(architecture)
        return initialise_by_name(lambda: self._network(structure))

    def canonical(self, architecture: Architecture) -> Architecture:
        """Split long super-blocks.

        Args:
            architecture: The notation.

        Returns:
            The notation of the same network.

        Raises:
            ValueError: If it cannot be read.
        """
        return read(architecture).write()

    def mutate(self, architecture: Architecture, generator: random.Random) -> Architecture:
        """Replace one super-block, or the channels of the stem, as the published searches do.

        Args:
            architecture: The notation.
            generator: Draws the place, then the type of the super-block (see `published_bias`), its
                channels and its bottleneck (from 0.4 to 2.5 times as many) and its layers (up to two
                more or fewer).

        Returns:
            A different architecture within the budget; the same one if a thousand draws find none.

        Raises:
            ValueError: If the notation cannot be read.
        """
        structure = read(architecture)
        for _ in range(_TRIES):
            new = mutated(structure, self.weights, generator)
            if new != structure and self._affords(new):
                return new.write()
        return structure.write()

    def neighbours(self, architecture: Architecture) -> Sequence[Architecture]:
        """List the architectures that differ in one property of one super-block or of the stem.

        Args:
            architecture: The notation.

        Returns:
            The notations within the budget.

        Raises:
            ValueError: If the notation cannot be read.
        """
        structure = read(architecture)
        new = dict.fromkeys(variants(structure))
        return [other.write() for other in new if other != structure and self._affords(other)]

    def cost(self, architecture: Architecture) -> Cost:
        """Count parameters and FLOPs, the latter as published.

        Args:
            architecture: The notation.

        Returns:
            The parameters of the network that `build` makes, and the multiply-accumulates of one input
            by the formula of the public code: with one for each normalised value, halved sides rounded
            down, projections of strided bottlenecks at a quarter, without squeeze and excitation.

        Raises:
            ValueError: If the notation cannot be read.
        """
        structure = read(architecture)
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            network = self._network(structure)
        return Cost(sum(parameter.numel() for parameter in network.parameters()), self._flops(structure))

    def _flops(self, structure: Structure) -> int:
        return flops(structure, self.classes, self.image_shape)

    def _affords(self, structure: Structure) -> bool:
        return structure.layers <= self.max_layers and self._flops(structure) <= self.max_flops

    def _walk(self, generator: random.Random) -> Architecture:
        architecture = self.initial.write()
        for _ in range(self.walk):
            architecture = self.mutate(architecture, generator)
        return architecture

    def _network(self, structure: Structure) -> nn.Module:
        blocks: list[nn.Module] = []
        for width, block in zip(structure.widths, structure.blocks, strict=False):
            for before, inside, after, stride, projects in block.halves(width):
                body = [
                    *_conv(before, inside, 1),
                    nn.ReLU(),
                    *_conv(inside, inside, block.type[1], stride=stride, groups=inside),
                    nn.ReLU(),
                    *([_SqueezeExcitation(inside)] if self.squeeze_excitation else []),
                    *_conv(inside, after, 1),
                ]
                shortcut = _conv(before, after, 1, stride=stride) if projects else []
                blocks.append(_Residual(body, shortcut))
        return _Network(self.image_shape[0], structure, blocks, self.classes)


def _conv(before: int, after: int, kernel: int, *, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(after, eps=1e-3)]


class _SqueezeExcitation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        inside = max(1, round(width / 4))
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            *_conv(width, inside, 1),
            nn.ReLU(),
            *_conv(inside, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        out: Tensor = x * self.gate(x)
        return out


class _Residual(nn.Module):
    def __init__(self, body: Sequence[nn.Module], shortcut: Sequence[nn.Module]) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.shortcut = nn.Sequential(*shortcut)
        self.act = nn.ReLU()

    def forward(self, x: Float[Tensor, "b c1 h1 w1"]) -> Float[Tensor, "b c2 h2 w2"]:
        out: Tensor = self.act(self.body(x) + self.shortcut(x))
        return out


class _Network(nn.Module):
    def __init__(
        self, channels: int, structure: Structure, blocks: Sequence[nn.Module], classes: int
    ) -> None:
        super().__init__()
        stem = _conv(channels, structure.stem, 3, stride=structure.stride)
        last = _conv(structure.widths[-1], structure.last, 1)
        self.stem = nn.Sequential(*stem, nn.ReLU())
        self.blocks = nn.Sequential(*blocks, nn.Sequential(*last, nn.ReLU()))
        self.head = nn.Linear(structure.last, classes)

    def forward(self, images: Float[Tensor, "b channels h w"]) -> Float[Tensor, "b classes"]:
        features = self.blocks(self.stem(images))
        logits: Tensor = self.head(features.mean((2, 3)))
        return logits
