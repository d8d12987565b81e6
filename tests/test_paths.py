"""What the ways through a network hold, against drawings of it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from parzc.cell_graph import Cell as VertexCell
from parzc.dense_cell import EDGES
from parzc.genotypes import read_genotype
from parzc.probing.compact import compact_store
from parzc.probing.extract import extract
from parzc.probing.paths import SETS
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture
from parzc.spaces.darts import DARTS
from parzc.spaces.digits_vit import DigitsViT
from parzc.spaces.nasbench101 import NASBench101
from parzc.spaces.nasbench201 import NASBench201
from parzc.spaces.pit import PiT
from tests import graph_values

Way = tuple[str, ...]
"""The kinds of the operations on a way."""

SPATIAL, POINTWISE, POOL, SKIP = ("spatial",), ("pointwise",), ("pool",), ("skip",)
read, built = partial(graph_values.read, "paths"), partial(graph_values.built, "paths")
STAGED = NASBench201(channels=2, cells=1, image_shape=(1, 8, 8))
VERTEX = NASBench101(channels=4, cells=1, image_shape=(1, 8, 8))
LADDER = DARTS(channels=2, layers=3, image_shape=(1, 8, 8), degenerate=True)


def counted(ways: Iterable[Way]) -> dict[str, float]:
    """Count on every way, one after another."""
    found = set(ways)
    return {
        f"paths.{word}.{'+'.join(chosen)}": float(
            extreme(sum(kind in chosen for kind in way) for way in found)
        )
        for word, extreme in (("most", max), ("fewest", min))
        for chosen in SETS
    }


def one_after_another(*parts: Iterable[Way]) -> set[Way]:
    """List the ways through parts in a row; ways with equal counts are one."""
    ways: set[Way] = {()}
    for part in parts:
        ways = {tuple(sorted(way + more)) for way in ways for more in part}
    return ways


def through(edges: Sequence[tuple[int, int]], kinds: Mapping[tuple[int, int], Iterable[Way]], last: int):
    """List the ways from vertex 0 of a graph to a later one."""
    if last == 0:
        return {()}
    return {
        way
        for tail, head in edges
        if head == last and (tail, head) in kinds
        for way in one_after_another(through(edges, kinds, tail), kinds[tail, head])
    }


def staged(architecture: str) -> set[Way]:
    kinds: dict[str, Way] = {
        "skip_connect": SKIP,
        "nor_conv_1x1": POINTWISE,
        "nor_conv_3x3": SPATIAL,
        "avg_pool_3x3": POOL,
    }
    operations = STAGED.read(Architecture(architecture))
    of_edges = {edge: {kinds[str(o)]} for edge, o in zip(EDGES, operations, strict=True) if o in kinds}
    cell = through(EDGES, of_edges, 3)
    reduction = {SPATIAL * 2, POOL + POINTWISE}
    return one_after_another({SPATIAL}, cell, reduction, cell, reduction, cell, {POINTWISE})


def of_vertices(architecture: str) -> set[Way]:
    cell = VertexCell.read(architecture).canonical()
    kinds: dict[str, Way] = {"conv3x3": SPATIAL, "conv1x1": POINTWISE, "maxpool3x3": POOL, "": ()}
    at = dict(enumerate((*cell.operations, ""), 1))
    of_edges = {
        (tail, head): {(POINTWISE if tail == 0 else ()) + kinds[at[head]]} for tail, head in cell.edges
    }
    ways = through(sorted(cell.edges), of_edges, cell.last)
    return one_after_another({SPATIAL}, ways, {POOL}, ways, {POOL}, ways, {POINTWISE})


def of_genotype(architecture: str) -> set[Way]:
    genotype = read_genotype(architecture)
    states = [{SPATIAL}, {SPATIAL}]
    for reduces in (False, True, True):
        cell = genotype.reduce if reduces else genotype.normal
        inner = [one_after_another(states[-2], {POINTWISE}), one_after_another(states[-1], {POINTWISE})]
        for place in range(0, len(cell.edges), 2):
            edges = cell.edges[place : place + 2]
            ways = (
                one_after_another(inner[state], of_edge(name, reduces and state < 2))
                for name, state in edges
                if name != "none"
            )
            inner.append({way for found in ways for way in found})
        states.append({way for node in cell.concat for way in inner[node]})
    return one_after_another(states[-1], {POINTWISE})


def of_edge(name: str, strided: bool) -> set[Way]:
    if name == "skip_connect":
        return {POINTWISE if strided else SKIP}
    if name.endswith("pool_3x3"):
        return {POOL}
    return {(SPATIAL + POINTWISE) * (2 if name.startswith("sep") else 1)}


@pytest.mark.parametrize("cell", STAGED.sample(30, seed=1))
def test_cells_of_nasbench201(cell: str) -> None:
    assert built(STAGED, cell) == counted(staged(cell))


def test_cell_as_large_as_the_benchmark_trains_it() -> None:
    cell = "|avg_pool_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
    found = built(NASBench201(channels=2, image_shape=(1, 8, 8)), cell)
    stem, inside, reductions, classifier = 1, 5 * 3, 2, 1
    assert found["paths.most.spatial"] == stem + inside + 2 * reductions
    assert found["paths.fewest.spatial"] == stem
    assert found["paths.most.pool+pointwise"] == 2 * (inside + reductions) + classifier


@pytest.mark.parametrize("cell", VERTEX.sample(10, seed=1))
def test_cells_of_nasbench101(cell: str) -> None:
    assert built(VERTEX, cell) == counted(of_vertices(cell))


@pytest.mark.parametrize("genotype", LADDER.sample(4, seed=1))
def test_genotypes(genotype: str) -> None:
    assert built(LADDER, genotype) == counted(of_genotype(genotype))


def test_residual_stream_of_a_transformer() -> None:
    found = built(DigitsViT(), "depth:3-width:16-heads:2-mlp:2")
    embedding, attention, mlp, head = 1, 2, 2, 1
    assert found["paths.most.pointwise"] == embedding + 3 * (attention + mlp) + head
    assert found["paths.fewest.pointwise"] == embedding + head


def test_class_token_is_no_input() -> None:
    space = PiT(patch=2, image_shape=(1, 8, 8))
    found = built(space, space.sample(1, 0)[0])
    patches, reductions, head = 1, 2, 1
    assert found["paths.fewest.spatial"] == patches
    assert found["paths.most.spatial"] == patches + reductions
    assert found["paths.fewest.pointwise+spatial"] == patches + reductions + head


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "|none~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|none~0|avg_pool_3x3~1|skip_connect~2|",
            "|none~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|",
        ),
        (
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|none~2|",
            "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
        ),
    ],
)
def test_dead_operations_are_on_no_way(one: str, other: str) -> None:
    assert built(STAGED, one) == built(STAGED, other)


def test_missing_where_no_way_leads_to_the_output() -> None:
    found = built(STAGED, "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    assert len(found) == 30
    assert all(math.isnan(value) for value in found.values())


def test_layers_in_a_row() -> None:
    network = nn.Sequential(
        nn.AvgPool2d(2), nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Flatten(), nn.Linear(16, 3)
    )
    expected = counted([POOL + SPATIAL + POINTWISE + POINTWISE])
    assert read(network, torch.randn(2, 1, 8, 8)) == expected


class Residual(nn.Module):
    """Adds what a convolution gives to its input, in a function, as often as wanted."""

    def __init__(self, times: int, shortcut: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.shared = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 3)
        self.times = times
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(self.times):
            x = self.shortcut(x) + self.shared(x).relu()
        out: Tensor = self.head(x.mean((2, 3)))
        return out


def test_additions_and_repeated_modules() -> None:
    network = Residual(3, lambda x: x)
    expected = counted([SPATIAL + SPATIAL * runs + POINTWISE for runs in (0, 1, 2, 3)])
    assert read(network, torch.randn(2, 1, 8, 8)) == expected


def test_multiplication_by_zero_is_no_way() -> None:
    network = Residual(3, lambda x: x * 0)
    assert read(network, torch.randn(2, 1, 8, 8)) == counted([SPATIAL * 4 + POINTWISE])


class FromTheInput(nn.Module):
    """Adds to its input what a linear layer gives."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(x + self.inner(x))
        return out


def test_additions_to_the_input() -> None:
    expected = counted([POINTWISE, POINTWISE * 2])
    assert read(FromTheInput(), torch.randn(2, 4)) == expected


def test_tokens_start_where_they_are_embedded() -> None:
    network = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.Flatten(), nn.Linear(12, 3))
    assert read(network, torch.randint(5, (2, 3))) == counted([POINTWISE * 2])


def test_other_statistics_stay_what_they_are_in_company() -> None:
    network, batch = Residual(2, lambda x: x), (torch.randn(2, 1, 8, 8), torch.arange(2))
    alone, together = extract(network, batch, ["snip"]), extract(network, batch, ["snip", "paths"])
    assert alone.values.tolist() == together.values.tolist()


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    network, batch = Residual(2, lambda x: x), (torch.randn(2, 1, 8, 8), torch.arange(2))
    made = FeatureStore.create(tmp_path / "whole", {"statistics": ["snip", "paths"]})
    made.add([(Architecture("residual"), extract(network, batch, ["snip", "paths"]))])
    return made


def test_a_store_keeps_every_count(store: FeatureStore) -> None:
    (table,) = store.tables().values()
    found = {name: value for name, value in table.network.items() if name.startswith("paths.")}
    assert found == counted([SPATIAL + SPATIAL * runs + POINTWISE for runs in (0, 1, 2)])


def test_a_small_copy_can_leave_all_counts_out(store: FeatureStore, tmp_path: Path) -> None:
    (table,) = compact_store(store, path=tmp_path / "small", statistics=["snip"]).tables().values()
    assert set(table.network) == {"parameters", "uncovered", "loss"}
