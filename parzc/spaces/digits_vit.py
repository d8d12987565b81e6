"""Small vision transformers at a size for 8×8 images."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from parzc.choices import Choice, ChoiceSpace
from parzc.transformer import MLP, Attention, Block, Positions

__all__ = ["DigitsViT"]


class DigitsViT(ChoiceSpace):
    """480 pre-norm vision transformers, written `depth:3-width:32-heads:4-mlp:2`.

    Depth is 1 to 6 blocks, width 16 to 64, heads 1 to 8, and the hidden layer of a block is 1 to 4
    times as wide as the block. Every projection is an `nn.Linear` of its own, so that each weight is
    a node that statistics can read.

    Args:
        patch: Side of a square patch in pixels; 2 makes 16 tokens of an 8×8 image.
        classes: Outputs of the classifier.
        image_shape: Channels, height and width of an input.

    Source:
        Dosovitskiy et al., ICLR 2021. Deviations: no class token, the tokens are averaged.
    """

    choices: ClassVar[Mapping[str, Sequence[Choice]]] = {
        "depth": (1, 2, 3, 4, 5, 6),
        "width": (16, 24, 32, 48, 64),
        "heads": (1, 2, 4, 8),
        "mlp": (1, 2, 3, 4),
    }

    def __init__(self, *, patch: int = 2, classes: int = 10, image_shape: Sequence[int] = (1, 8, 8)) -> None:
        _, height, width = image_shape
        if patch < 1 or height % patch or width % patch:
            raise ValueError(
                f"patches should tile the image, got a side of {patch} for {height}x{width};"
                " set the space's `patch` to a divisor of both."
            )
        super().__init__(classes=classes, image_shape=image_shape)
        self.patch = patch

    def network(self, *, depth: int, width: int, heads: int, mlp: int) -> nn.Module:
        """Construct one transformer."""
        channels, rows, columns = self.image_shape
        tokens = (rows // self.patch) * (columns // self.patch)
        blocks = [Block(width, Attention(width, heads), MLP(width, mlp * width)) for _ in range(depth)]
        return _Network(_Embedding(self.patch, channels, tokens, width), blocks, width, self.classes)


class _Embedding(nn.Module):
    def __init__(self, patch: int, channels: int, tokens: int, width: int) -> None:
        super().__init__()
        self.patch = patch
        self.proj = nn.Linear(channels * patch * patch, width)
        self.positions = Positions(tokens, width)

    def forward(self, images: Float[Tensor, "b channels h w"]) -> Float[Tensor, "b n width"]:
        patches = F.unfold(images, self.patch, stride=self.patch).transpose(1, 2)
        out: Tensor = self.positions(self.proj(patches))
        return out


class _Network(nn.Module):
    def __init__(self, embedding: nn.Module, blocks: Sequence[nn.Module], width: int, classes: int) -> None:
        super().__init__()
        self.embed = embedding
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Float[Tensor, "b channels h w"]) -> Float[Tensor, "b classes"]:
        tokens = self.norm(self.blocks(self.embed(images)))
        logits: Tensor = self.head(tokens.mean(1))
        return logits
