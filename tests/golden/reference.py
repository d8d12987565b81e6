"""Networks, batches and published values of the reference folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parzc.spaces.nasbench201 import NASBench201

GOLDEN = Path(__file__).parents[2] / "../shared/golden"
AT_HAND = GOLDEN.is_dir()
FACTS: dict[str, dict[str, Any]] = json.loads((GOLDEN / "nets.json").read_text()) if AT_HAND else {}
NAMES = list(FACTS)
BATCHES = ("cifar", "noise")

needed = pytest.mark.skipif(not AT_HAND, reason="the reference values are not at hand")
every_network = pytest.mark.parametrize("name", NAMES)
every_batch = pytest.mark.parametrize("batch", BATCHES)
every_compat = pytest.mark.parametrize("compat", [None, "original"])


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(32, eps=1e-6), nn.LayerNorm(32, eps=1e-6)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(32, 96), "proj": nn.Linear(32, 32)})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(32, 128), "fc2": nn.Linear(128, 32)})

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.attn["qkv"](self.norm1(x)).view(*x.shape[:2], 3, 2, 16).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) * 16**-0.5).softmax(-1)
        x = x + self.attn["proj"]((weights @ v).transpose(1, 2).flatten(2))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class _TinyViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, 32, 8, 8)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 32))
        self.pos_embed = nn.Parameter(torch.zeros(1, 17, 32))
        self.blocks = nn.Sequential(_Block(), _Block())
        self.norm, self.head = nn.LayerNorm(32, eps=1e-6), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed["proj"](x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


class _Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, 2, 1)
        self.conv3, self.fc = nn.Conv2d(12, 16, 3, padding=1, bias=False), nn.Linear(16, 10)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu2(self.conv2(self.relu1(self.conv1(x))))
        return self.fc(self.relu3(self.conv3(x)).mean((2, 3)))


def network(name: str) -> nn.Module:
    """Build a network with its stored weights, in float64."""
    facts = FACTS[name]
    made = {"vit_tiny": _TinyViT, "cnn_plain": _Plain}.get(name)
    built = made() if made else NASBench201(cells=facts["N"]).build(facts["arch"])
    with np.load(GOLDEN / f"weights/{name}.npz") as file:
        weights = {key: torch.from_numpy(file[key].astype("float64")) for key in file.files}
    missing, unexpected = built.load_state_dict(weights, strict=False)
    assert not unexpected
    assert not [key for key in missing if "running" not in key and "num_batches" not in key]
    return built.double()


def data(name: str, batch: str) -> tuple[Tensor, Tensor]:
    """Read a batch: `cifar`, `noise`, or one of these with `_b` for the second."""
    size = FACTS[name]["B"]
    with np.load(GOLDEN / "batches.npz") as file:
        x, y = file[f"x_{batch}"][:size], file[f"y_{batch}"][:size]
    return torch.from_numpy(x).double(), torch.from_numpy(y)


def published(folder: str, name: str, batch: str, precision: str = "f64") -> dict[str, np.ndarray]:
    """Read the values of one network on one batch, computed in float64 or in float32."""
    end = f".{precision}"
    with np.load(GOLDEN / f"{folder}/{name}__{batch}.npz") as file:
        return {key.removesuffix(end): file[key] for key in file.files if key.endswith(end)}


def finite(value: np.ndarray) -> float:
    """Give a published value as parzc does: missing where it is infinite."""
    return float(value) if np.isfinite(value) else float("nan")


def node_names(name: str) -> list[str]:
    """List the convolutions and linear layers in the order of the values."""
    return [node["module"] for node in FACTS[name]["nodes"]]


def signs(name: str) -> dict[int, np.ndarray]:
    """Read the random signs by index of the block's output feature."""
    family = "vit" if name == "vit_tiny" else name[:3]
    with np.load(GOLDEN / "rademacher.npz") as file:
        return dict(_unpacked(file, family))


def _unpacked(file: Any, family: str) -> Iterator[tuple[int, np.ndarray]]:
    for key in file.files:
        if key.startswith(f"{family}_shape_"):
            index = key.rpartition("_")[2]
            shape = file[key]
            bits = np.unpackbits(file[f"{family}_bits_{index}"])[: np.prod(shape)]
            yield int(index), bits.reshape(shape).astype("float64") * 2 - 1
