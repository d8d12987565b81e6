"""What the DARTS space adds to its contract."""

import csv
import gzip
from math import prod
from pathlib import Path
from random import Random

import pytest
import torch
from torch import nn

from parzc.cell_operations import FactorizedReduce, make_operation
from parzc.genotypes import Cell, Genotype, read_genotype, write_genotype
from parzc.spaces.darts import DARTS, OPERATIONS

SHARED = Path(__file__).parents[2] / "../shared"
SMALL = {"channels": 2, "layers": 3, "image_shape": (1, 8, 8)}
# Liu, Simonyan & Yang, ICLR 2019, figures 4 and 5: the second-order cells found on CIFAR-10.
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1),"
    " ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)],"
    " normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2),"
    " ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2),"
    " ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)


def both(*edges: tuple[str, int], concat: tuple[int, ...]) -> str:
    cell = Cell(edges, concat)
    return write_genotype(Genotype(cell, cell))


def outputs(space: DARTS, *genotypes: str) -> list[torch.Tensor]:
    x = torch.randn(4, *space.image_shape)
    found = []
    for genotype in genotypes:
        torch.manual_seed(3)
        found.append(space.build(genotype)(x))
    return found


def test_published_network_has_its_published_size() -> None:
    cost = DARTS(channels=36, layers=20).cost(DARTS_V2)
    assert round(cost.parameters / 1e6, 2) == 3.35


@pytest.mark.parametrize(
    ("family", "billions"),
    [("darts", 242), ("enas", 5_063), ("pnas", 556_628), ("amoeba", 556_628), ("nasnet", 71_465_842)],
)
def test_families_have_the_size_of_nds(family: str, billions: int) -> None:
    space = DARTS(operations=family, degenerate=True)
    cell = read_genotype(space.sample(1, 0)[0]).normal
    nodes = len(cell.edges) // 2
    cells = prod((len(OPERATIONS[family]) * (2 + node)) ** 2 for node in range(nodes))
    assert cells / 1e9 == pytest.approx(billions, abs=0.5)


@pytest.mark.parametrize("family", OPERATIONS)
def test_every_operation_of_a_family_runs_at_both_strides(family: str) -> None:
    for name in OPERATIONS[family]:
        for stride, side in ((1, 7), (2, 4)):
            assert make_operation(name, 4, stride)(torch.randn(2, 4, 7, 7)).shape == (2, 4, side, side)


@pytest.mark.parametrize("family", OPERATIONS)
def test_families_build(family: str) -> None:
    space = DARTS(operations=family, degenerate=True, **SMALL)
    for genotype in space.sample(4, 1):
        assert space.build(genotype)(torch.randn(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize("family", ["enas", "nasnet", "amoeba"])
def test_loose_ends_make_the_output(family: str) -> None:
    space = DARTS(operations=family)
    architectures = space.sample(20, 0)
    architectures += [space.mutate(genotype, Random(0)) for genotype in architectures]
    for genotype in map(read_genotype, architectures):
        for cell in (genotype.normal, genotype.reduce):
            assert {state for _, state in cell.edges} | set(cell.concat) >= set(range(2, 7))
            assert not {state for _, state in cell.edges} & set(cell.concat)


def test_only_degenerate_draws_have_none_or_equal_inputs() -> None:
    def is_degenerate(text: str) -> bool:
        edges = read_genotype(text).normal.edges
        equal = any(a[1] == b[1] for a, b in zip(edges[::2], edges[1::2], strict=True))
        return equal or any(name == "none" for name, _ in edges)

    assert not any(map(is_degenerate, DARTS().sample(50, 0)))
    assert any(map(is_degenerate, DARTS(degenerate=True).sample(50, 0)))


def test_order_of_edges_does_not_matter() -> None:
    space = DARTS(**SMALL)
    one = both(
        ("sep_conv_3x3", 0), ("dil_conv_3x3", 1), ("skip_connect", 2), ("skip_connect", 2), concat=(3,)
    )
    other = both(
        ("dil_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), concat=(3,)
    )
    assert space.canonical(one) == space.canonical(other)
    torch.testing.assert_close(*outputs(space, one, other))


def test_operations_on_a_node_of_zeros_are_dead() -> None:
    space = DARTS(**SMALL)
    dead = both(("none", 1), ("none", 0), ("sep_conv_3x3", 2), ("sep_conv_3x3", 1), concat=(2, 3))
    canonical = both(("none", 0), ("none", 0), ("none", 0), ("sep_conv_3x3", 1), concat=(2, 3))
    assert space.canonical(dead) == canonical
    torch.testing.assert_close(*outputs(space, dead, canonical))


def test_nodes_that_feed_nothing_are_dead() -> None:
    space = DARTS(**SMALL)
    dead = both(("sep_conv_3x3", 0), ("skip_connect", 1), ("skip_connect", 0), ("none", 2), concat=(3,))
    canonical = both(("none", 0), ("none", 0), ("none", 0), ("skip_connect", 0), concat=(3,))
    assert space.canonical(dead) == canonical
    torch.testing.assert_close(*outputs(space, dead, canonical))


def test_canonical_random_genotypes_compute_the_same() -> None:
    space = DARTS(degenerate=True, **SMALL)
    for genotype in space.sample(10, 5):
        torch.testing.assert_close(*outputs(space, genotype, space.canonical(genotype)))


def test_neighbours_differ_in_one_operation_or_input() -> None:
    def places(text: str) -> list[str | int]:
        genotype = read_genotype(text)
        return [part for edge in genotype.normal.edges + genotype.reduce.edges for part in edge]

    space = DARTS()
    (genotype,) = space.sample(1, 0)
    for neighbour in space.neighbours(genotype):
        assert sum(a != b for a, b in zip(places(genotype), places(neighbour), strict=True)) == 1


def test_ranges_read_as_lists() -> None:
    as_printed = DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)")
    assert write_genotype(read_genotype(as_printed)) == DARTS_V2


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (DARTS_V2.replace("('sep_conv_3x3', 1)", "('sep_conv_3x3', 5)", 1), "earlier state"),
        (DARTS_V2.replace("[2, 3, 4, 5]", "[2, 3, 6]"), "ascending"),
        (DARTS_V2.replace("[('sep_conv_3x3', 0), ", "["), "two edges"),
        (DARTS_V2.replace("dil_conv_3x3", "sep_conv_7x7"), "family"),
    ],
)
def test_impossible_genotypes_are_refused(found: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"should read.*{message}"):
        DARTS().build(found)


def test_odd_images_are_halved_rounding_up() -> None:
    assert FactorizedReduce(2, 4)(torch.randn(1, 2, 7, 7)).shape == (1, 4, 4, 4)


def test_unknown_operations_are_refused() -> None:
    with pytest.raises(ValueError, match="customary"):
        make_operation("warp_3x3", 4, 1)


def test_reductions_come_after_one_and_two_thirds() -> None:
    network = DARTS(channels=2, layers=6).build(DARTS_V2)
    halving = [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.MaxPool2d) and module.stride == 2
    ]
    assert {name.split(".")[1] for name in halving} == {"2", "4"}


@pytest.mark.skipif(not SHARED.exists(), reason="needs the reference data")
def test_trained_genotypes_are_read_written_and_built() -> None:
    space = DARTS(**SMALL)
    with gzip.open(SHARED / "data/darts_cifar10_1000.csv.gz", "rt", newline="") as file:
        genotypes = [row["genotype"] for row in csv.DictReader(file)]
    assert [write_genotype(read_genotype(genotype)) for genotype in genotypes] == genotypes
    for genotype in genotypes[::100]:
        assert space.build(genotype)(torch.randn(2, 1, 8, 8)).isfinite().all()
