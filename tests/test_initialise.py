"""Weights depend on the seed and the module's name, not on what else there is."""

import torch
from torch import nn

from parzc.initialise import initialise_by_name


def weights(seed: int, **modules: nn.Module) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return initialise_by_name(lambda: nn.ModuleDict(modules)).state_dict()


def test_other_modules_do_not_matter() -> None:
    alone = weights(0, b=nn.Linear(4, 3))
    in_company = weights(0, a=nn.Conv2d(3, 8, 3), b=nn.Linear(4, 3))
    assert torch.equal(alone["b.weight"], in_company["b.weight"])
    assert torch.equal(alone["b.bias"], in_company["b.bias"])


def test_construction_does_not_matter() -> None:
    def make() -> nn.Module:
        torch.rand(7)
        return nn.ModuleDict({"b": nn.Linear(4, 3)})

    torch.manual_seed(0)
    assert torch.equal(
        initialise_by_name(make).state_dict()["b.weight"], weights(0, b=nn.Linear(4, 3))["b.weight"]
    )


def test_name_and_seed_matter() -> None:
    network = weights(0, a=nn.Linear(4, 3), b=nn.Linear(4, 3))
    assert not torch.equal(network["a.weight"], network["b.weight"])
    assert not torch.equal(network["a.weight"], weights(1, a=nn.Linear(4, 3))["a.weight"])


def test_second_network_from_one_seed_differs() -> None:
    torch.manual_seed(0)
    first, second = (initialise_by_name(lambda: nn.Linear(4, 3)).state_dict()["weight"] for _ in range(2))
    assert not torch.equal(first, second)


def test_distribution_is_the_modules_own() -> None:
    weight = weights(0, a=nn.Linear(100, 400))["a.weight"]
    assert weight.abs().max() <= 0.1
    assert abs(float(weight.std()) - 0.1 / 3**0.5) < 1e-3
