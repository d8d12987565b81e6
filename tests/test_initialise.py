"""Weights depend on the seed and the module's name, not on what else there is."""

import pickle

import pytest
import torch
from torch import nn

from parzc.initialise import Initialised, Scheme, initialise_by_name, reinitialise
from parzc.spaces.digits_cell import DigitsCell


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
    assert abs(float(weight.detach().std()) - 0.1 / 3**0.5) < 1e-3


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(8, 64, 3), nn.BatchNorm2d(64)
        self.attention, self.token = nn.MultiheadAttention(64, 4), nn.Parameter(torch.full((1, 64), 7.0))
        self.head = nn.Linear(64, 500)


@pytest.mark.parametrize(("scheme", "deviation"), [("kaiming", (2 / 64) ** 0.5), ("gaussian", 1.0)])
def test_published_initialisation(scheme: Scheme, deviation: float) -> None:
    network = Mixed()
    nn.init.constant_(network.norm.weight, 3)
    torch.manual_seed(0)
    reinitialise(network, scheme)
    for weight in (network.head.weight, network.attention.in_proj_weight, network.attention.out_proj.weight):
        assert float(weight.detach().std()) == pytest.approx(deviation, rel=0.03)
    assert float(network.conv.weight.detach().std()) == pytest.approx(
        (2 / 72) ** 0.5 if scheme == "kaiming" else 1, rel=0.03
    )
    assert (network.norm.weight == 1).all()
    assert not network.head.bias.any()
    assert (network.token == 7).all()


def test_published_initialisation_depends_on_names_only() -> None:
    drawn = []
    for modules in ({"b": nn.Linear(4, 3)}, {"a": nn.Conv2d(3, 8, 3), "b": nn.Linear(4, 3)}):
        network = nn.ModuleDict(modules)
        torch.manual_seed(5)
        reinitialise(network, "kaiming")
        drawn.append(network.state_dict()["b.weight"])
    assert torch.equal(*drawn)


def test_a_space_initialised_otherwise_is_the_same_space() -> None:
    space = DigitsCell()
    initialised = Initialised(space, "gaussian")
    assert list(initialised.architectures()) == list(space.architectures())
    architecture = initialised.sample(1, 0)[0]
    assert initialised.canonical(architecture) == space.canonical(architecture)
    weights_of = [each.build(architecture).state_dict()["classifier.weight"] for each in (space, initialised)]
    assert weights_of[1].std() > 2 * weights_of[0].std()


def test_an_initialised_space_travels_to_other_processes() -> None:
    sent = pickle.loads(pickle.dumps(Initialised(DigitsCell(channels=2), "kaiming")))
    assert sent.scheme == "kaiming"
    assert sent.sample(2, 0) == DigitsCell().sample(2, 0)
