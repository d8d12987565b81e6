"""Three hand-written networks with whatever a probe could stumble over."""

import torch
from torch import Tensor, nn

CLASSES = 5


class Sound(nn.Module):
    """Convolutions over time: strided, dilated, transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(2, 8, 5, stride=2), nn.GroupNorm(2, 8), nn.SiLU())
        self.dilated = nn.Sequential(
            nn.Conv1d(8, 8, 3, dilation=2, padding=2, groups=4), nn.BatchNorm1d(8), nn.ELU()
        )
        self.up = nn.Sequential(nn.ConvTranspose1d(8, 6, 2, stride=2), nn.LeakyReLU(0.1))
        self.pool = nn.MaxPool1d(3)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, sound: Tensor) -> Tensor:
        x = self.stem(sound)
        x = self.up(x + self.dilated(x))
        return self.head(self.pool(x).mean(2))


class Tied(nn.Module):
    """Token numbers in; the classifier's weight is the embedding's."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(CLASSES, 8)
        layer = nn.TransformerEncoderLayer(
            8, 2, 16, dropout=0.1, activation=nn.ReLU(), batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, CLASSES, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.encoder(self.embed(tokens))
        return self.head(x.mean(1))


class _Odd(nn.Module):
    """A block with two outputs, of which the second is for nobody."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.grouped = nn.Conv2d(width, width, 3, stride, 1, groups=2, bias=False)
        self.norm = nn.GroupNorm(2, width)
        self.act = nn.ReLU6(inplace=True)
        self.depthwise = nn.Conv2d(width, width, 3, padding=2, dilation=2, groups=width)
        self.shortcut = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        inside = self.act(self.norm(self.grouped(x)))
        out = self.depthwise(inside)
        out += self.shortcut(x)
        return out, {"inside": inside}


class Odd(nn.Module):
    """Blocks with two outputs, one block used twice, then attention over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.ModuleList([_Odd(8, 1), _Odd(8, 2)])
        self.query = nn.Parameter(torch.zeros(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, kdim=8, vdim=8, batch_first=True)
        self.mix = nn.MultiheadAttention(8, 2)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        for block in (self.blocks[0], self.blocks[0], self.blocks[1]):
            x, _ = block(x)
        tokens = x.flatten(2).transpose(1, 2)
        turned = tokens.transpose(0, 1)
        tokens = tokens + self.mix(turned, turned, turned)[0].transpose(0, 1)
        pooled, _ = self.attention(self.query.expand(len(x), -1, -1), tokens, tokens, need_weights=False)
        return self.head(pooled[:, 0])
