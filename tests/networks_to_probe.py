"""Small networks with the oddities that a probe must survive."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def serial(bias: bool = False) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=bias),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2, groups=2, bias=bias),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3, bias=bias),
    )


class InPlace(nn.Module):
    """Overwrites the outputs of its convolutions, by a module and by a function."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU(inplace=in_place)
        self.b = nn.Conv2d(4, 4, 1)
        self.c = nn.Linear(4, 3)
        self.in_place = in_place

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.a(x))
        y = self.b(x)
        y = y.add_(1) if self.in_place else y + 1
        return self.c(F.relu(y).mean((2, 3)))


class Twice(nn.Module):
    """Runs one convolution twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.shared = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.shared(self.shared(x).relu())
        return self.head(x.mean((2, 3)))


class Cut(nn.Module):
    """Has a branch on zero input, a branch that never arrives, and a live one."""

    def __init__(self) -> None:
        super().__init__()
        self.live = nn.Conv2d(3, 4, 1)
        self.starved = nn.Conv2d(3, 4, 1, bias=False)
        self.unheard = nn.Conv2d(3, 4, 1)
        self.pool = nn.AvgPool2d(2)
        self.idle = nn.Identity()
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out = self.live(x) + self.starved(x * 0) + self.unheard(x) * 0 + self.idle(x.sum(1, keepdim=True)) * 0
        return self.head(self.pool(out).mean((2, 3)))


class Attention(nn.Module):
    """A token model: patches, `nn.MultiheadAttention`, a class token, layer norm, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.dropout = nn.Dropout(0.3)
        self.mlp = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = x + self.dropout(self.mlp(self.norm(x)))
        return self.head(x[:, 0])


def batch(size: int = 6, classes: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(size, 3, 8, 8, generator=generator)
    return x, torch.randint(classes, (size,), generator=generator)


def seeded(network: nn.Module, seed: int = 1) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / 2
    return network
