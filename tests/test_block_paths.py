"""What the ways through a typical block hold, against drawings of cells."""

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from parzc.dense_cell import EDGES
from parzc.genotypes import read_genotype
from parzc.probing.paths import BLOCK_KINDS, BLOCK_SETS
from parzc.probing.table import Architecture
from parzc.spaces.darts import DARTS
from parzc.spaces.digits_vit import DigitsViT
from parzc.spaces.nasbench201 import NASBench201
from tests import graph_values

Counts = Mapping[str, int]
"""How many operations of each kind."""

read, built = partial(graph_values.read, "block_paths"), partial(graph_values.built, "block_paths")
STAGED = NASBench201(channels=2, cells=1, image_shape=(1, 8, 8))
LADDER = DARTS(channels=2, layers=5, image_shape=(1, 8, 8))
OF_CELLS: Mapping[str, Counts] = {
    "skip_connect": {"skip": 1},
    "nor_conv_1x1": {"pointwise": 1},
    "nor_conv_3x3": {"small": 1},
    "avg_pool_3x3": {"pool": 1},
}
OF_GENOTYPES: Mapping[str, Counts] = {
    "skip_connect": {"skip": 1},
    "avg_pool_3x3": {"pool": 1},
    "max_pool_3x3": {"pool": 1},
    "sep_conv_3x3": {"small": 2, "pointwise": 2},
    "sep_conv_5x5": {"large": 2, "pointwise": 2},
    "dil_conv_3x3": {"small": 1, "pointwise": 1},
    "dil_conv_5x5": {"large": 1, "pointwise": 1},
}


def most(ways: Sequence[Sequence[Counts]]) -> dict[str, float]:
    """Count on every way, one after another."""
    return {
        f"block_paths.{'+'.join(chosen)}": float(
            max(sum(counts.get(kind, 0) for counts in way for kind in chosen) for way in ways)
        )
        for chosen in BLOCK_SETS
    }


def through(edges: Sequence[tuple[int, int, Counts]], end: int, starts: Sequence[int]) -> list[list[Counts]]:
    ways: list[list[Counts]] = [[]] if end in starts else []
    for tail, head, counts in edges:
        if head == end:
            ways += [[*way, counts] for way in through(edges, tail, starts)]
    return ways


def test_every_set_once() -> None:
    assert len(BLOCK_SETS) == len(set(BLOCK_SETS)) == 2 ** len(BLOCK_KINDS) - 1


@pytest.mark.parametrize("cell", STAGED.sample(20, seed=1))
def test_cells_of_nasbench201(cell: str) -> None:
    names = map(str, STAGED.read(Architecture(cell)))
    edges = [(*edge, OF_CELLS[name]) for edge, name in zip(EDGES, names, strict=True) if name in OF_CELLS]
    found, ways = built(STAGED, cell), through(edges, 3, [0])
    # three cells of the five blocks are alike, so the median is theirs
    assert found == most(ways)


@pytest.mark.parametrize("genotype", LADDER.sample(6, seed=2))
def test_genotypes(genotype: str) -> None:
    cell = read_genotype(genotype).normal
    edges: list[tuple[int, int, Counts]] = [(0, 2, {"pointwise": 1}), (1, 3, {"pointwise": 1})]
    edges += [
        (state + 2, 4 + place // 2, OF_GENOTYPES[name])
        for place, (name, state) in enumerate(cell.edges)
        if name != "none"
    ]
    ways = list(itertools.chain.from_iterable(through(edges, node + 2, [0, 1]) for node in cell.concat))
    found, expected = built(LADDER, genotype), most(ways)
    # a reduction of the first input is two operations side by side, of which a way holds one
    assert found == expected


def test_dead_cells_are_no_blocks() -> None:
    edges = "('sep_conv_3x3', 0), ('skip_connect', 0), ('skip_connect', 2), ('sep_conv_5x5', 2)," + (
        " ('max_pool_3x3', 0), ('skip_connect', 2), ('dil_conv_3x3', 3), ('skip_connect', 2)"
    )
    concat = "[2, 3, 4, 5]"
    name = f"Genotype(normal=[{edges}], normal_concat={concat}, reduce=[{edges}], reduce_concat={concat})"
    found = built(LADDER, name)  # each cell reads from the one before the last, so every second one is dead
    assert found["block_paths.large"] == 2
    assert found["block_paths.small"] == 3
    assert found["block_paths.small+large"] == 5


@pytest.mark.parametrize("depth", [2, 3])
def test_depth_does_not_count(depth: int) -> None:
    found = built(DigitsViT(), f"depth:{depth}-width:16-heads:2-mlp:2")
    attention, mlp = 2, 2
    assert found["block_paths.pointwise"] == attention + mlp
    assert found["block_paths.pool+small+large"] == 0


class Residual(nn.Module):
    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.stem, self.blocks, self.head = nn.Conv2d(1, 2, 5), nn.ModuleList(blocks), nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        logits: Tensor = self.head(x.flatten(1))
        return logits


def test_more_blocks_than_are_followed_at_once() -> None:
    few = [nn.Conv2d(2, 2, 1) for _ in range(8)]
    many = [nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 1)) for _ in range(12)]
    found = read(Residual([*few, *many]), torch.randn(2, 1, 8, 8))
    assert found["block_paths.small"] == found["block_paths.pointwise"] == 1
    assert found["block_paths.pointwise+small+large"] == 2


def test_halfway_between_two_kinds_of_block() -> None:
    blocks = [nn.Conv2d(2, 2, 1), nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 1))]
    assert read(Residual(blocks), torch.randn(2, 1, 8, 8))["block_paths.pointwise+small"] == 1.5


def test_without_a_list_of_modules_the_network_is_one_block() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(144, 3)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(self.conv(x).relu().flatten(1))
            return logits

    found = read(Plain(), torch.randn(2, 1, 8, 8))
    assert found["block_paths.small"] == found["block_paths.pointwise"] == 1
    assert found["block_paths.pointwise+small"] == 2


def test_missing_where_no_way_leads_to_the_output() -> None:
    found = built(STAGED, "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    assert all(math.isnan(value) for value in found.values())
