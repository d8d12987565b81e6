"""Networks whose blocks are to be found."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
TOKENS = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))


class Residual(nn.Module):
    """A residual block whose layers are in a container, as in transformers' ResNet."""

    def __init__(self, width: int, stride: int = 1) -> None:
        super().__init__()
        self.shortcut = nn.Conv2d(width, width, 1, stride) if stride > 1 else nn.Identity()
        self.layer = nn.Sequential(unit(width, width, stride), unit(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.shortcut(x)


class Through(nn.Module):
    """Runs what it holds, one after another, then a classifier."""

    def __init__(self, *blocks: nn.Module, stem: nn.Module | None = None, width: int = 4) -> None:
        super().__init__()
        self.stem = stem or nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


class Tokens(nn.Module):
    """Runs blocks over tokens, then a classifier."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 8)
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for block in self.blocks:
            x = block(x)
            x = x[0] if isinstance(x, tuple) else x
        return self.head(x.mean(1))


def unit(inside: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, out, 3, stride, 1), nn.BatchNorm2d(out), nn.ReLU())


class AfterBranch(nn.Module):
    """Normalises what each branch adds, as Swin version 2 does."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.norm = nn.Linear(8, 8), nn.LayerNorm(8)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return x + self.norm(self.mix(x)), None


class Stage(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(4, 4, 2, 2)
        self.layers = nn.Sequential(*(Residual(4) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(self.down(x))


class Stages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.pool = nn.Conv2d(3, 4, 3), nn.AvgPool2d(2)
        self.layer1 = nn.Sequential(Residual(4), Residual(4))
        self.layer2 = nn.Sequential(Residual(4))
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer2(self.layer1(self.pool(self.conv1(x)))).mean((2, 3)))


class Nested(Through):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.ModuleList([Residual(4), Residual(4)]) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.blocks:
            for block in stage:
                x = block(x)
        return self.head(x.mean((2, 3)))


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(F.relu(self.b(F.relu(self.a(x)))))


class Excited(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()
        self.squeeze, self.relu, self.gate = nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.act(x * self.gate(self.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))


class Branches(Through):
    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(sum(branch(x) for branch in self.blocks).mean((2, 3)))


class Auxiliary(Through):
    def forward(self, x: Tensor) -> Tensor:
        first = self.blocks[0](self.stem(x))
        out = self.blocks[1](first)
        self.blocks[2](first)
        return self.head(out.mean((2, 3)))


class Nothing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Again(Through):
    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(3):
            x = self.blocks[0](x)
        return self.head(x.mean((2, 3)))


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 8, norm_first=True, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, words: Tensor) -> dict[str, Tensor]:
        x = self.embed(words)
        for layer in self.encoder.layers:
            x = layer(src=x)
        return {"logits": self.head(x[:, 0])}


class AddsInPlace(Residual):
    """Writes the sum into the last layer's output."""

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x)
        out += self.shortcut(x)
        return out


class Embeds(nn.Module):
    """Tokens half as many, normalised: no residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.proj, self.norm, self.out = nn.Linear(16, 8), nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.norm(self.proj(x.reshape(len(x), -1, 16))))
