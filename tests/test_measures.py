import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parzc import plugins
from parzc.measures import find_measures
from parzc.plugins import UnknownPluginError
from parzc.training_free import Formula

LOADED = ("random", 1, 4)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    layers = (
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 12, 3, stride=2, groups=2, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12 * 3 * 3, 4),
    )
    return nn.Sequential(*layers).double()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(6, 3, 8, 8, dtype=torch.float64), torch.randint(4, (6,))


class _ReLUBlock(nn.Sequential):
    """A module whose class says ReLU and which is none."""

    def __init__(self) -> None:
        super().__init__(nn.ReLU())


def _by_plain_autograd(network: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, float]:
    """The published formulas, one backward pass each, on copies."""
    net = copy.deepcopy(network).train()
    net[2].inplace = False
    nodes, outputs = [net[0], net[3], net[6]], []
    x = batch[0]
    for layer in net:
        x = layer(x)
        if layer in nodes:
            x.retain_grad()
            outputs.append(x)
    F.cross_entropy(x, batch[1]).backward()
    products = [node.weight.detach() * node.weight.grad for node in nodes]
    fisher = 0.0
    for node, out in zip(nodes, outputs, strict=True):
        per_channel = (
            (out.detach() * out.grad).flatten(2).sum(2) if out.dim() == 4 else out.detach() * out.grad
        )
        fisher += float(0.5 * per_channel.square().mean(0).sum()) * node.weight[0].numel()
    absolute = copy.deepcopy(network)
    absolute[1] = nn.Identity()
    for parameter in absolute.parameters():
        parameter.data.abs_()
    absolute(torch.ones_like(batch[0][:1])).sum().backward()
    flow = [absolute[i].weight.detach() * absolute[i].weight.grad for i in (0, 3, 6)]
    return {
        "grad_norm": sum(float(node.weight.grad.norm()) for node in nodes),
        "snip": sum(float(product.abs().sum()) for product in products),
        "fisher": fisher,
        "plain": sum(float(product.sum()) for product in products),
        "synflow": sum(float(value.sum()) for value in flow),
        "l2_norm": sum(float(node.weight.detach().norm()) for node in nodes),
        "flops": 8 * 27 * 64 + 12 * 36 * 9 + 108 * 4,
        "params": 8 * 27 + 8 + 16 + 12 * 36 + 108 * 4 + 4,
    }


def test_values_are_those_of_plain_autograd(network, batch):
    expected = _by_plain_autograd(network, batch)
    measured = find_measures(network, [batch], LOADED, "cpu", measure_names=list(expected))
    assert measured == {name: pytest.approx(value, rel=1e-10) for name, value in expected.items()}


def test_grasp_is_minus_weights_times_hessian_times_gradient(network, batch):
    net = copy.deepcopy(network).train()
    net[2].inplace = False
    weights = [net[i].weight for i in (0, 3, 6)]

    def gradient() -> list[Tensor]:
        return list(torch.autograd.grad(F.cross_entropy(net(batch[0]), batch[1]), weights))

    step, before = 1e-6, gradient()
    for weight, direction in zip(weights, before, strict=True):
        weight.data += step * direction
    curvature = [(b - a) / step for a, b in zip(before, gradient(), strict=True)]
    products = [-(w.detach() * c).sum() for w, c in zip(weights, curvature, strict=True)]
    measured = find_measures(network, [batch], LOADED, "cpu", measure_names=["grasp"])
    assert measured["grasp"] == pytest.approx(float(sum(products)), rel=1e-4)


def test_zico_compares_with_the_next_batch_of_the_loader(network, batch):
    other = (batch[0].flip(0) + 1, batch[1])
    with_second = find_measures(network, [batch, other], LOADED, "cpu", measure_names=["zico"])
    gradients = []
    for images, labels in (batch, other):
        net = copy.deepcopy(network).train()
        F.cross_entropy(net(images), labels).backward()
        gradients.append([net[i].weight.grad for i in (0, 3, 6)])
    ratios = [
        ((a.abs() + b.abs()) / (a - b).abs())[a != b].sum().log() for a, b in zip(*gradients, strict=True)
    ]
    assert with_second["zico"] == pytest.approx(float(sum(ratios)), rel=1e-9)


@pytest.mark.parametrize("info", [LOADED, ("grasp", 1, 4)])
def test_zico_without_another_batch_compares_the_halves(network, info):
    torch.manual_seed(3)
    loader = [(torch.randn(4, 3, 8, 8, dtype=torch.float64), torch.arange(4))]
    measured = find_measures(network, loader, info, "cpu", measure_names=["zico"])
    assert math.isfinite(measured["zico"])


def test_compat_reaches_the_statistics(network, batch):
    ours = find_measures(network, [batch], LOADED, "cpu", measure_names=["fisher"])
    original = find_measures(network, [batch], LOADED, "cpu", measure_names=["fisher"], compat="original")
    assert original["fisher"] == pytest.approx(ours["fisher"])
    counted_twice = find_measures(
        nn.Sequential(_ReLUBlock(), network),
        [batch],
        LOADED,
        "cpu",
        measure_names=["naswot"],
        compat="original",
    )
    once = find_measures(
        nn.Sequential(_ReLUBlock(), network), [batch], LOADED, "cpu", measure_names=["naswot"]
    )
    assert counted_twice["naswot"] > once["naswot"]


def test_the_default_is_what_the_original_offers_in_its_order(network, batch):
    names = list(find_measures(network, [batch], LOADED, "cpu"))
    assert names[:4] == ["grad_norm", "snip", "grasp", "fisher"]
    assert names[4:] == ["jacob_cov", "plain", "synflow_bn", "synflow", "l2_norm"]


def test_every_training_free_proxy_of_one_network_can_be_asked_for(network, batch):
    loaded = {name: plugins.load("proxies", name) for name in plugins.available("proxies")}
    names = [name for name, found in loaded.items() if isinstance(found, Formula)]
    assert list(find_measures(network, [batch], LOADED, "cpu", measure_names=names)) == names


def test_an_aggregate_is_refused_with_its_members(network, batch):
    with pytest.raises(ValueError, match="az_nas ranks networks .* ask for expressivity, progressivity, "):
        find_measures(network, [batch], LOADED, "cpu", measure_names=["snip", "az_nas"])


def test_the_answer_is_a_python_float_for_each_name_in_the_order_asked_for(network, batch):
    measured = find_measures(network, [batch], LOADED, torch.device("cpu"), measure_names=["snip", "flops"])
    assert list(measured) == ["snip", "flops"]
    assert [type(value) for value in measured.values()] == [float, float]


def test_node_sizes_alone_can_be_asked_for(network, batch):
    assert find_measures(network, [batch], LOADED, "cpu", measure_names=["params"])["params"] > 0


def test_the_network_is_left_as_it_was(network, batch):
    before = copy.deepcopy(network.state_dict())
    network[3].weight.grad = torch.ones_like(network[3].weight)
    network.eval()
    random = torch.get_rng_state()
    find_measures(network, [batch], LOADED, "cpu")
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert [p.grad is None for p in network.parameters()] == [True] * 4 + [False] + [True] * 2
    assert not network.training
    assert network[2].inplace
    assert not any(module._forward_hooks for module in network.modules())
    assert torch.equal(torch.get_rng_state(), random)


def test_another_loss_gives_other_values(network, batch):
    default = find_measures(network, [batch], LOADED, "cpu", measure_names=["snip"])
    total = find_measures(
        network, [batch], LOADED, "cpu", lambda z, y: F.cross_entropy(z, y, reduction="sum"), ["snip"]
    )
    assert total["snip"] == pytest.approx(6 * default["snip"])


def test_random_mode_joins_the_first_batches(network, batch):
    images, labels = batch
    halves = [(images[:3], labels[:3]), (images[3:], labels[3:]), (images[:1], labels[:1])]
    joined = find_measures(network, halves, ("random", 2, 4), "cpu", measure_names=["snip"])
    assert joined == find_measures(network, [batch], LOADED, "cpu", measure_names=["snip"])


def test_grasp_mode_takes_as_many_images_of_every_class(network):
    torch.manual_seed(2)
    images = torch.randn(12, 3, 8, 8, dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 1, 2, 1, 3, 1, 2, 3, 2, 0])
    loader = [(images[i : i + 5], labels[i : i + 5]) for i in (0, 5, 10)]
    chosen = [0, 1, 3, 5, 4, 8, 6, 9]
    expected = find_measures(
        network, [(images[chosen], labels[chosen])], LOADED, "cpu", measure_names=["snip"]
    )
    assert find_measures(network, loader, ("grasp", 2, 4), "cpu", measure_names=["snip"]) == expected


def test_a_misspelt_measure_is_answered_with_the_list(network, batch):
    with pytest.raises(UnknownPluginError, match="did you mean 'synflow'"):
        find_measures(network, [batch], LOADED, "cpu", measure_names=["sinflow"])


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (("random", 2, 4), "should hold 2 batches, got 1"),
        (("grasp", 9, 4), "should hold 9 images a class; too few of"),
        (("grasp", 1, 1), "labels should be below the 1 of dataload_info"),
        (("whole", 1, 4), "dataload_info should be"),
        (("random", 0, 4), "dataload_info should be"),
    ],
)
def test_a_loader_that_does_not_fit_is_an_error(network, batch, info, message):
    with pytest.raises(ValueError, match=message):
        find_measures(network, [batch], info, "cpu")
