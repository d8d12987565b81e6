"""What single search spaces add to their contract."""

import csv
import gzip
from pathlib import Path

import pytest
import torch
from torch import nn

from parzc.spaces.digits_cell import DigitsCell
from parzc.spaces.digits_vit import DigitsViT
from parzc.spaces.nasbench201 import NASBench201
from parzc.spaces.networks import Networks

SHARED = Path(__file__).parents[1] / "../shared"


def test_nasbench201_has_its_canonical_cells() -> None:
    space = NASBench201()
    cells = space.architectures()
    canonical = [space.canonical(cell) for cell in cells]
    assert len(cells) == 15_625
    assert len(set(canonical)) == 9_445
    assert sum(a != b for a, b in zip(cells, canonical, strict=True)) == 6_180


@pytest.mark.skipif(not SHARED.exists(), reason="needs the reference data")
def test_nasbench201_is_in_the_official_order() -> None:
    with gzip.open(SHARED / "data/nasbench201.csv.gz", "rt", newline="") as file:
        official = [row["arch_str"] for row in csv.DictReader(file)]
    assert list(NASBench201().architectures()) == official


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        NASBench201(cells=0)


def test_digits_cell_has_the_same_cells() -> None:
    assert DigitsCell().architectures() == NASBench201().architectures()


def test_vit_projections_are_linear_layers_only() -> None:
    network = DigitsViT().build("depth:2-width:16-heads:2-mlp:3")
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    assert len(linear) == 2 * 6 + 2
    covered = sum(network.get_submodule(name).weight.numel() for name in linear)
    matrices = {name: p.numel() for name, p in network.named_parameters() if p.ndim > 1}
    del matrices["embed.positions.vectors"]
    assert covered == sum(matrices.values())


def test_vit_patches_must_tile_the_image() -> None:
    with pytest.raises(ValueError, match="tile"):
        DigitsViT(patch=3)


@pytest.mark.parametrize("width", ["0", "15"])
def test_vit_has_the_listed_sizes_only(width: str) -> None:
    with pytest.raises(ValueError, match="width 16, 24, 32, 48, 64"):
        DigitsViT().build(f"depth:1-width:{width}-heads:2-mlp:1")


def test_vit_attends_to_positions() -> None:
    torch.manual_seed(0)
    network = DigitsViT().build("depth:2-width:16-heads:2-mlp:1")
    nn.init.normal_(network.get_parameter("embed.positions.vectors"))
    image = torch.randn(1, 1, 8, 8)
    mirrored = image.unflatten(3, (4, 2)).flip(3).flatten(3)
    assert not torch.allclose(network(image), network(mirrored), atol=1e-4)


def test_networks_are_called_with_their_literal_options() -> None:
    network = Networks().build("torch.nn:Conv2d(in_channels=3, out_channels=4, kernel_size=(1, 3))")
    assert network.weight.shape == (4, 3, 1, 3)


def test_equal_calls_are_written_equally() -> None:
    space = Networks()
    assert space.canonical("a.b:c( y=2,x='1' )") == "a.b:c(x='1', y=2)"
    assert space.canonical("a.b:c()") == space.canonical("a.b:c") == "a.b:c"


@pytest.mark.parametrize("name", ["torch.nn:Linaer", "no_such_module:build"])
def test_networks_that_are_not_there(name: str) -> None:
    with pytest.raises(LookupError, match="cannot find the factory"):
        Networks().build(name)


def test_factory_of_something_else_is_refused() -> None:
    with pytest.raises(TypeError, match="should return an nn.Module, got Parameter"):
        Networks().build("torch.nn:Parameter")
