"""What the spaces of TransNAS-Bench-101 add to their contract, which sees cells only."""

from random import Random

import pytest
import torch
from torch import nn

from parzc.spaces.transnasbench101 import TransNASBench101

MACRO = TransNASBench101(level="macro", channels=2, classes=3, image_shape=(1, 8, 8))


def test_published_numbers_of_architectures() -> None:
    assert len(TransNASBench101().architectures()) == 4_096
    assert len(set(MACRO.architectures())) == 3_256


@pytest.mark.parametrize(("classes", "parameters"), [(47, 41_435_727), (75, 41_450_091)])
def test_parameters_of_the_public_network(classes: int, parameters: int) -> None:
    # As another port of the public network counts them, for scenes and for objects.
    assert TransNASBench101(classes=classes).cost("64-41414-3_33_333").parameters == parameters


def test_dead_edges_become_none() -> None:
    space = TransNASBench101()
    assert space.canonical("64-41414-0_32_003") == "64-41414-0_30_003"
    assert space.canonical("64-41414-1_23_000") == "64-41414-0_00_000"


@pytest.mark.parametrize("cell", ["1_02_333", "0_32_003", "2_30_103"])
def test_canonical_cells_compute_the_same(cell: str) -> None:
    space = TransNASBench101(channels=2, image_shape=(1, 8, 8))
    x, outputs = torch.randn(4, 1, 8, 8), []
    for architecture in (f"64-41414-{cell}", space.canonical(f"64-41414-{cell}")):
        torch.manual_seed(0)
        outputs.append(space.build(architecture)(x))
    torch.testing.assert_close(outputs[0], outputs[1])


@pytest.mark.parametrize(("digit", "widens", "stride"), [(1, 1, 1), (2, 2, 1), (3, 1, 2), (4, 2, 2)])
def test_modules_widen_and_halve(digit: int, widens: int, stride: int) -> None:
    network = MACRO.build(f"64-{digit}411-basic")
    first = next(m for m in network.get_submodule("layers.0").modules() if isinstance(m, nn.Conv2d))
    assert (first.out_channels, first.stride) == (2 * widens, (stride, stride))


def test_every_weight_of_a_skeleton_gets_a_gradient() -> None:
    for architecture in MACRO.sample(5, 0):
        network = MACRO.build(architecture)
        network(torch.randn(5, 1, 8, 8)).sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


def test_neighbours_of_skeletons_lie_in_the_space() -> None:
    known = set(MACRO.architectures())
    neighbours = MACRO.neighbours("64-41111-basic")
    assert known >= set(neighbours)
    assert {"64-4111-basic", "64-411112-basic", "64-42111-basic"} <= set(neighbours)
    assert MACRO.mutate("64-41111-basic", Random(0)) in neighbours


@pytest.mark.parametrize(
    "text", ["64-1111-basic", "64-2222-basic", "64-333332-basic", "64-411-basic", "64-41414-1_02_333"]
)
def test_other_skeletons_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="should read 64-1234-basic"):
        MACRO.build(text)


def test_odd_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        TransNASBench101(channels=3)
