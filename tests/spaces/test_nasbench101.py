"""What NAS-Bench-101 adds to the contract of spaces."""

import csv
import gzip
from pathlib import Path
from random import Random

import pytest
import torch
from torch import nn

from parzc.cell_graph import OPERATIONS, Cell
from parzc.cost import measure_cost
from parzc.spaces.nasbench101 import NASBench101

TABLE = Path(__file__).parents[2] / "../shared/data/nasbench101_20k.csv.gz"

INCEPTION = "0111010000000100000010000100000000100000010000000:conv1x1-conv3x3-conv3x3-conv3x3-maxpool3x3"
DIAMOND = "0110000010000110000100000:conv3x3-maxpool3x3-conv1x1"


@pytest.fixture(scope="module")
def table() -> list[dict[str, str]]:
    if not TABLE.exists():
        pytest.skip("needs the reference data")
    with gzip.open(TABLE, "rt", newline="") as file:
        return list(csv.DictReader(file))


def cell_of(row: dict[str, str]) -> Cell:
    return Cell.from_matrix(row["adjacency"], [OPERATIONS[int(digit)] for digit in row["ops"]])


def test_hashes_are_the_official_ones(table: list[dict[str, str]]) -> None:
    assert len(table) == 20_001
    assert [cell_of(row).fingerprint() for row in table] == [row["hash"] for row in table]


def test_parameter_counts_are_the_official_ones(table: list[dict[str, str]]) -> None:
    space = NASBench101()
    counts = [space.cost(cell_of(row).write()).parameters for row in table]
    assert counts == [int(row["params"]) for row in table]


def test_a_published_cell_has_its_published_count() -> None:
    assert NASBench101().cost(INCEPTION).parameters == 2_694_282


@pytest.mark.parametrize("image_shape", [(3, 32, 32), (1, 7, 9)])
def test_closed_form_cost_is_that_of_the_network(image_shape: tuple[int, ...]) -> None:
    space = NASBench101(channels=5, cells=2, image_shape=image_shape)
    for architecture in ["0100:", INCEPTION, *space.sample(5, 0)]:
        measured = measure_cost(lambda it=architecture: space.build(it), image_shape)
        assert space.cost(architecture) == measured


def test_isomorphic_cells_are_one_architecture() -> None:
    # The diamond with vertices 1 and 2 exchanged.
    exchanged = "0110000011000100000100000:maxpool3x3-conv3x3-conv1x1"
    space = NASBench101()
    assert exchanged != DIAMOND
    assert space.canonical(exchanged) == space.canonical(DIAMOND)


def test_vertices_on_no_path_are_left_out() -> None:
    # Vertex 1 leads nowhere, nothing leads to vertex 2.
    dangling = "0101000000000010000100000:conv3x3-maxpool3x3-conv1x1"
    assert NASBench101().canonical(dangling) == "010001000:conv1x1"


def test_a_hash_tells_apart_what_is_not_isomorphic() -> None:
    cells = [Cell.read(cell).canonical() for cell in NASBench101().sample(200, 0)]
    assert len({cell.fingerprint() for cell in cells}) == 200


def test_cells_without_a_path_are_refused() -> None:
    with pytest.raises(ValueError, match="path should lead"):
        NASBench101().canonical("000001000:conv1x1")


def test_cells_of_too_many_edges_are_refused() -> None:
    every = "".join("01"[tail < head] for tail in range(6) for head in range(6))
    with pytest.raises(ValueError, match="at most 7 vertices and 9 edges"):
        NASBench101().canonical(f"{every}:conv1x1-conv1x1-conv1x1-conv1x1")


@pytest.mark.parametrize(
    "cell",
    [
        "010001000:conv5x5",
        "010001000:",
        "010001000:conv1x1-",
        "010001100:conv1x1",
        "01000100:conv1x1",
        "0:",
        "021001000:conv1x1",
    ],
)
def test_what_is_no_labelled_matrix_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="should read"):
        NASBench101().canonical(cell)


def test_what_is_concatenated_shares_the_width() -> None:
    # Input to 1, 2 and 3; 1 and 2 and 3 to output: eight channels are 3 + 3 + 2.
    cell = Cell.from_matrix("0111000001000010000100000", ["conv3x3", "conv1x1", "maxpool3x3"])
    assert cell.widths(8) == [0, 3, 3, 2, 8]


def test_a_vertex_is_as_wide_as_the_widest_it_leads_to() -> None:
    # Input to 1; 1 to 2 and 3; 2 and 3 to output.
    cell = Cell.from_matrix("0100000110000010000100000", ["conv3x3", "conv1x1", "maxpool3x3"])
    assert cell.widths(5) == [0, 3, 3, 2, 5]


def test_a_cell_without_operations_projects_its_input() -> None:
    network = NASBench101(channels=4, stacks=1, cells=1).build("0100:")
    shapes = [module.weight.shape for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert shapes == [(4, 3, 3, 3), (4, 4, 1, 1)]


def test_interior_vertices_add_and_the_output_concatenates() -> None:
    network = NASBench101(channels=4, stacks=1, cells=1).build(DIAMOND).eval()
    torch.manual_seed(0)
    x = torch.randn(2, 4, 6, 6)
    cell = network.cells[0]
    order = Cell.read(NASBench101().canonical(DIAMOND))
    with torch.no_grad():
        into = {vertex: cell.projections[str(vertex)](x) for vertex in (1, 2)}
        first, second = (cell.operations[vertex - 1](into[vertex]) for vertex in (1, 2))
        third = cell.operations[2](first + second[:, : order.widths(4)[3]])
        shared = first if (1, 4) in order.edges else second
        expected = torch.cat([shared, third], 1)
        assert torch.equal(cell(x), expected)


def test_stacks_halve_the_image_and_double_the_width() -> None:
    network = NASBench101(channels=4, stacks=3, cells=1, image_shape=(3, 9, 6)).build(DIAMOND)
    assert network.cells(network.stem(torch.randn(2, 3, 9, 6))).shape == (2, 16, 3, 2)


def test_neighbours_lie_in_the_space_and_know_each_other() -> None:
    space = NASBench101()
    canonical = space.canonical(DIAMOND)
    for neighbour in space.neighbours(DIAMOND):
        assert space.canonical(neighbour) == neighbour
    operations = [n for n in space.neighbours(DIAMOND) if n.partition(":")[0] == canonical.partition(":")[0]]
    assert len(operations) == 6
    assert all(canonical in space.neighbours(neighbour) for neighbour in operations)


def test_neighbours_grow_and_shrink() -> None:
    sizes = {len(Cell.read(neighbour).operations) for neighbour in NASBench101().neighbours(DIAMOND)}
    assert sizes == {1, 2, 3, 4}


def test_mutation_grows_and_shrinks() -> None:
    generator = Random(0)
    space = NASBench101()
    sizes = {len(Cell.read(space.mutate(DIAMOND, generator)).operations) for _ in range(200)}
    assert min(sizes) < 3 < max(sizes)


def test_samples_are_canonical() -> None:
    space = NASBench101()
    assert all(space.canonical(cell) == cell for cell in space.sample(50, 1))


@pytest.mark.parametrize("options", [{"channels": 3}, {"stacks": 0}, {"cells": 0}])
def test_sizes_too_small_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="should be at least"):
        NASBench101(**options)
