"""What the space of MobileNetV2-like networks adds to the contract."""

import re
from collections import Counter
from random import Random

import pytest
import torch
from torch import nn

from parzc.probing.blocks import watch_blocks
from parzc.spaces.mobilenetv2 import MobileNetV2

INITIAL = "conv3-8-s2/E6K3-32-s2-8x1/E6K3-48-s2-32x1/E6K3-96-s2-48x1/E6K3-128-s2-96x1/conv1-2048"
WINNERS = {
    "conv3-24-s2/E4K3-32-s2-32x3/E1K3-80-s2-48x1/E2K5-96-s2-96x5/E4K5-192-s2-192x3/conv1-2048": "449.9",
    "conv3-24-s2/E1K5-24-s2-24x2/E1K5-96-s2-96x1/E2K5-152-s2-152x5/E1K5-384-s2-384x4/conv1-2048": "449.0",
    "conv3-48-s2/E1K5-64-s2-64x3/E1K3-80-s2-80x1/E4K7-80-s2-80x3/E1K5-240-s2-240x5/conv1-2048": "449.5",
}
SMALL = "conv3-8-s2/E2K3-16-s2-8x2/conv1-32"
LONG = "conv3-8-s2/E1K3-16-s2-8x7/conv1-32"


@pytest.mark.parametrize(("architecture", "published"), [(INITIAL, "162.4"), *WINNERS.items()])
def test_flops_are_those_published(architecture: str, published: str) -> None:
    assert f"{MobileNetV2().cost(architecture).flops / 1e6:.1f}" == published


def test_initial_structure_has_the_published_parameters_with_one_for_each_norm() -> None:
    network = MobileNetV2().build(INITIAL)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert f"{(parameters - sum(norm.bias.numel() for norm in norms)) / 1e6:.2f}" == "2.81"


@pytest.mark.parametrize("winner", WINNERS)
def test_published_winners_are_at_the_limit_of_layers(winner: str) -> None:
    """Two features for each layer of a super-block, one each for the stem and the last convolution."""
    network = MobileNetV2(image_shape=(3, 32, 32)).build(winner).eval()
    with watch_blocks(network) as watched:
        network(torch.randn(1, 3, 32, 32))
        assert len(watched.features()) == 2 * (14 - 2) + 2


def test_mutants_stay_within_the_budget() -> None:
    space, generator = MobileNetV2(max_flops=3e8, max_layers=8), Random(0)
    architecture = INITIAL
    for _ in range(60):
        architecture = space.mutate(architecture, generator)
        assert space.cost(architecture).flops <= 3e8
        assert sum(int(part[-1]) for part in architecture.split("/")[1:-1]) <= 6


def test_samples_use_the_budget() -> None:
    """The walk is long enough to forget where it started."""
    space = MobileNetV2()
    flops = [space.cost(architecture).flops for architecture in space.sample(10, 0)]
    assert max(flops) > 0.8 * 450e6


@pytest.mark.parametrize(("published_bias", "expected"), [(True, 6), (False, 1)])
def test_published_bias_draws_small_types_more_often(published_bias: bool, expected: int) -> None:
    space, generator = MobileNetV2(published_bias=published_bias, max_flops=1e12), Random(0)
    drawn = Counter(space.mutate(SMALL, generator).split("/")[1][:4] for _ in range(4000))
    assert drawn["E1K3"] / drawn["E6K7"] == pytest.approx(expected, rel=0.35)


def test_long_super_blocks_are_split() -> None:
    split = "conv3-8-s2/E1K3-16-s2-8x3/E1K3-16-s1-8x4/conv1-32"
    assert MobileNetV2().canonical(LONG) == split


def test_neighbours_differ_in_one_property() -> None:
    neighbours = MobileNetV2(max_flops=1e12).neighbours(SMALL)
    parts = re.compile(r"[/-]|(?=x)")
    assert all(sum(map(str.__ne__, parts.split(SMALL), parts.split(new))) == 1 for new in neighbours)


def test_squeeze_and_excitation_is_an_option() -> None:
    plain, with_it = (MobileNetV2(squeeze_excitation=on).cost(SMALL) for on in (False, True))
    assert with_it.parameters > plain.parameters
    assert with_it.flops == plain.flops


@pytest.mark.parametrize(
    "wrong",
    [
        SMALL.replace("E2", "E3"),
        SMALL.replace("K3", "K4"),
        SMALL.replace("16", "12"),
        SMALL.replace("x2", "x0"),
        SMALL.replace("s2", "s3"),
        "conv3-8-s2/conv1-32",
    ],
)
def test_what_is_no_structure_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="should read"):
        MobileNetV2().canonical(wrong)


def test_budget_should_allow_the_initial_structure() -> None:
    with pytest.raises(ValueError, match="initial structure"):
        MobileNetV2(max_flops=1e8)
