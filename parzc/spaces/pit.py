"""The pooling-based vision transformers (PiT) of ViT-Bench-101."""

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from parzc.choices import Choice, ChoiceSpace
from parzc.probing.table import Architecture
from parzc.transformer import MLP, Attention, Block, ClassToken, Positions

__all__ = ["PiT"]

_EXAMPLE = '{"base_dim":24,"mlp_ratio":4,"depth":[2,6,4],"num_heads":[2,4,8]}'
_EPS = 1e-6


class PiT(ChoiceSpace):
    """1,600 transformers of three stages with fewer and wider tokens from stage to stage.

    Written `{"base_dim":24,"mlp_ratio":4,"depth":[2,6,4],"num_heads":[2,4,8]}`. A stage is as wide as
    the base dimension, that of one head, times its heads, which do not become fewer. Of the depths,
    only those of 12 to 14 blocks in all belong to the benchmark: ten, and its 100 networks have each
    of them. Tokens are pooled between stages by depthwise convolutions with stride 2; the class
    token goes through a linear layer beside them.

    Args:
        patch: Side of a square patch in pixels.
        stride: Pixels from one patch to the next.
        classes: Outputs of the classifier.
        image_shape: Channels, height and width of an input.

    Source:
        Wei et al., AAAI 2024 (Auto-Prox, ViT-Bench-101); network of Heo et al., ICCV 2021, compared with
        the description of naver-ai/pit. Deviations: query, key and value are layers of their own, and
        there is no drop path; initial weights are drawn module by module (see `parzc.initialise`).
    """

    choices: ClassVar[Mapping[str, Sequence[Choice]]] = {
        "base_dim": (16, 24, 32, 40),
        "mlp_ratio": (2, 4, 6, 8),
        "depth1": (1, 2, 3),
        "depth2": (4, 6, 8),
        "depth3": (2, 4, 6),
        "heads1": (2, 4, 8),
        "heads2": (2, 4, 8),
        "heads3": (2, 4, 8),
    }

    def __init__(
        self,
        *,
        patch: int = 16,
        stride: int = 8,
        classes: int = 100,
        image_shape: Sequence[int] = (3, 224, 224),
    ) -> None:
        _, height, width = image_shape
        if min(patch, stride) < 1 or min(height, width) < patch:
            raise ValueError(
                "a patch should fit into the image and its stride be at least 1, got a side of"
                f" {patch} and a stride of {stride} for {height}x{width};"
                " set the space's `patch` and `stride`."
            )
        super().__init__(classes=classes, image_shape=image_shape)
        self.patch = patch
        self.stride = stride
        self.grid = ((height - patch) // stride + 1, (width - patch) // stride + 1)

    def allowed(self, values: Sequence[Choice]) -> bool:
        """Say whether there are 12 to 14 blocks and no fewer heads from stage to stage."""
        depth, heads = [int(value) for value in values[2:5]], [int(value) for value in values[5:]]
        return 12 <= sum(depth) <= 14 and heads == sorted(heads)

    def read(self, architecture: Architecture) -> tuple[Choice, ...]:
        """Read the JSON, with keys and spaces in any order.

        Raises:
            ValueError: If it is no architecture of the benchmark; the message shows one.
        """
        try:
            found = json.loads(architecture)
        except ValueError:
            found = None
        match found:
            case {"base_dim": base, "mlp_ratio": ratio, "depth": [*depth], "num_heads": [*heads], **rest}:
                values = [base, ratio, *depth, *heads]
                known = len(depth) == len(heads) == 3 and all(
                    value in options for value, options in zip(values, self.choices.values(), strict=True)
                )
                if not rest and known and self.allowed(values):
                    return tuple(int(value) for value in values)
        raise ValueError(
            f"an architecture should read {_EXAMPLE}, with 12 to 14 blocks in all, heads that do not become"
            f" fewer and options from {dict(self.choices)}; got {architecture!r}."
        )

    def write(self, values: Sequence[Choice]) -> Architecture:
        """Write JSON without spaces, keys in the order of the benchmark."""
        fields = {
            "base_dim": values[0],
            "mlp_ratio": values[1],
            "depth": values[2:5],
            "num_heads": values[5:],
        }
        return Architecture(json.dumps(fields, separators=(",", ":")))

    def network(self, *, base_dim: int, mlp_ratio: int, **stages: int) -> nn.Module:
        """Construct one transformer."""
        heads = [stages[f"heads{stage}"] for stage in (1, 2, 3)]
        widths = [base_dim * count for count in heads]
        parts: list[nn.Module] = []
        grid = self.grid
        for stage, (count, width) in enumerate(zip(heads, widths, strict=True)):
            if stage:
                parts.append(_Pool(grid, widths[stage - 1], width))
                grid = ((grid[0] + 1) // 2, (grid[1] + 1) // 2)
            parts += [
                Block(width, Attention(width, count), MLP(width, mlp_ratio * width), eps=_EPS)
                for _ in range(stages[f"depth{stage + 1}"])
            ]
        patches = nn.Conv2d(self.image_shape[0], widths[0], self.patch, stride=self.stride)
        return _Network(patches, self.grid, parts, widths[-1], self.classes)


class _Pool(nn.Module):
    def __init__(self, grid: tuple[int, int], width: int, wider: int) -> None:
        super().__init__()
        self.grid = grid
        self.conv = nn.Conv2d(width, wider, 3, stride=2, padding=1, groups=width)
        self.fc = nn.Linear(width, wider)

    def forward(self, x: Float[Tensor, "b n width"]) -> Float[Tensor, "b m wider"]:
        first, patches = x[:, :1], x[:, 1:].transpose(1, 2).reshape(len(x), -1, *self.grid)
        return torch.cat((self.fc(first), self.conv(patches).flatten(2).transpose(1, 2)), dim=1)


class _Network(nn.Module):
    def __init__(
        self, patches: nn.Conv2d, grid: tuple[int, int], parts: Sequence[nn.Module], width: int, classes: int
    ) -> None:
        super().__init__()
        self.patches = patches
        self.positions = Positions(grid[0] * grid[1], patches.out_channels)
        self.cls = ClassToken(patches.out_channels)
        self.blocks = nn.Sequential(*parts)
        self.norm = nn.LayerNorm(width, eps=_EPS)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Float[Tensor, "b channels h w"]) -> Float[Tensor, "b classes"]:
        tokens = self.positions(self.patches(images).flatten(2).transpose(1, 2))
        tokens = self.blocks(self.cls(tokens))
        logits: Tensor = self.head(self.norm(tokens[:, 0]))
        return logits
