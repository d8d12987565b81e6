"""Values of the public zero-cost-nas code on fixed weights, where the reference folder is at hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parzc.measures import find_measures
from parzc.probing.extract import extract
from parzc.probing.table import Table
from parzc.spaces.nasbench201 import NASBench201

GOLDEN = Path(__file__).parents[1] / "../shared/golden"
NAMES = ("grad_norm", "snip", "fisher", "plain", "synflow", "l2_norm")
CELLS = ("conv3", "best", "mixed", "none", "skip", "pool", "ident")

pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the reference values are not at hand")


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


def _network(name: str) -> nn.Module:
    facts = json.loads((GOLDEN / "nets.json").read_text())[name]
    network = _TinyViT() if name == "vit_tiny" else NASBench201(cells=facts["N"]).build(facts["arch"])
    with np.load(GOLDEN / f"weights/{name}.npz") as file:
        weights = {key: torch.from_numpy(file[key].astype("float64")) for key in file.files}
    missing, unexpected = network.load_state_dict(weights, strict=False)
    assert not unexpected
    assert not [key for key in missing if "running" not in key and "num_batches" not in key]
    return network.double()


def _batch(name: str, batch: str) -> tuple[Tensor, Tensor]:
    size = 4 if name.startswith("nb5") else 8
    with np.load(GOLDEN / "batches.npz") as file:
        x, y = file[f"x_{batch}"][:size], file[f"y_{batch}"][:size]
    return torch.from_numpy(x).double(), torch.from_numpy(y)


def _published(name: str, batch: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"zcn/{name}__{batch}.npz") as file:
        return {key.removesuffix(".f64"): file[key] for key in file.files if key.endswith(".f64")}


def _node_values(table: Table, measure: str, nodes: list[str]) -> np.ndarray:
    rows = {node.name: row for row, node in enumerate(table.nodes)}
    column = table.column(measure)
    if measure == "fisher":
        column = column * table.column("weights") / table.column("out_channels")
    return np.array([column[rows[node]] for node in nodes])


@pytest.mark.parametrize("batch", ["cifar", "noise"])
@pytest.mark.parametrize("name", [f"nb1_{cell}" for cell in CELLS] + ["vit_tiny"])
def test_scores_and_node_values_are_the_published_ones(name: str, batch: str):
    network, data, published = _network(name), _batch(name, batch), _published(name, batch)
    nodes = [node["module"] for node in json.loads((GOLDEN / "nets.json").read_text())[name]["nodes"]]
    scores = find_measures(network, [data], ("random", 1, 10), "cpu", measure_names=NAMES)
    table = extract(network, data, NAMES)
    assert {node.name for node in table.nodes if node.weights} == set(nodes)
    for measure in NAMES:
        if name == "vit_tiny" and measure == "fisher":
            continue  # the original takes tokens for channels; ours are channels
        slack = 1e-9 * published[f"{measure}.abssum"] if measure == "plain" else np.zeros(len(nodes))
        difference = np.abs(_node_values(table, measure, nodes) - published[f"{measure}.sum"])
        assert (difference <= slack + 1e-9 * np.abs(published[f"{measure}.sum"])).all(), measure
        expected = pytest.approx(float(published[f"{measure}.scalar"]), rel=1e-9, abs=float(slack.sum()))
        assert scores[measure] == expected


def test_scores_at_the_benchmark_s_real_size_are_the_published_ones():
    name = "nb5_conv3"
    published = _published(name, "noise")
    scores = find_measures(
        _network(name), [_batch(name, "noise")], ("random", 1, 10), "cpu", measure_names=NAMES
    )
    for measure in NAMES:
        slack = 1e-9 * float(published[f"{measure}.abssum"].sum()) if measure == "plain" else 0.0
        assert scores[measure] == pytest.approx(float(published[f"{measure}.scalar"]), rel=1e-9, abs=slack)


@pytest.mark.parametrize("name", ["nb1_none", "nb1_ident"])
def test_synflow_of_a_cell_without_convolutions(name: str):
    published = float(_published(name, "noise")["synflow.scalar"])
    scores = find_measures(
        _network(name), [_batch(name, "noise")], ("random", 1, 10), "cpu", measure_names=["synflow"]
    )
    assert scores["synflow"] == pytest.approx(published, rel=1e-12, abs=0)
    assert (published == 0) == (name == "nb1_none")
