"""Reading a network leaves it alone and sees what is there."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parzc.probing.extract import DEFAULT_STATISTICS, extract, load_statistics, plan
from tests.networks_to_probe import Attention, Cut, InPlace, Twice, batch, seeded, serial


def gradients(network: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    network.train()
    F.cross_entropy(network(x), y).backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("build", [serial, lambda: InPlace(True), Attention, Cut])
def test_network_is_left_alone(build) -> None:
    network = seeded(build()).eval()
    network.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    flags = [(module.training, getattr(module, "inplace", None)) for module in network.modules()]
    random_state = torch.get_rng_state()
    extract(network, batch())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [(m.training, getattr(m, "inplace", None)) for m in network.modules()] == flags
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())
    assert all(not module._forward_hooks and "forward" not in module.__dict__ for module in network.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_weight_statistics_equal_plain_autograd() -> None:
    network = seeded(serial(bias=True)).double()
    x, y = batch()
    table = extract(network, (x.double(), y), ["grad_norm", "snip", "plain", "l2_norm"])
    expected = gradients(network, x.double(), y)
    for node, row in zip(table.nodes, table.values, strict=True):
        weight, gradient = (
            network.get_parameter(f"{node.name}.weight").detach(),
            expected[f"{node.name}.weight"],
        )
        product = weight * gradient
        found = [gradient.norm(), product.abs().sum(), product.sum(), weight.norm()]
        np.testing.assert_allclose(row, [float(value) for value in found], rtol=1e-12)


def test_fisher_of_a_linear_layer_in_closed_form() -> None:
    network = nn.Sequential(nn.Linear(5, 4, bias=True)).double()
    x, y = torch.randn(7, 5, dtype=torch.float64), torch.randint(4, (7,))
    output = network(x)
    gradient = (F.softmax(output, 1) - F.one_hot(y, 4)) / 7
    expected = (output * gradient).square().mean(0).sum() / 2
    assert extract(network, (x, y), ["fisher"]).total("fisher") == pytest.approx(
        float(expected.detach()), rel=1e-12
    )


def test_fisher_of_tokens_sums_over_positions() -> None:
    convolution, linear = nn.Conv2d(3, 4, 1), nn.Linear(3, 4)
    linear.load_state_dict({"weight": convolution.weight.flatten(1), "bias": convolution.bias})

    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = linear

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(x.flatten(2).transpose(1, 2)).mean(1)

    images = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x, y = batch()
    assert extract(Tokens(), (x, y), ["fisher"]).total("fisher") == pytest.approx(
        extract(images, (x, y), ["fisher"]).total("fisher"), rel=1e-5
    )


def test_synflow_is_conserved_in_a_serial_network_without_bias() -> None:
    network = seeded(serial(bias=False))
    values = extract(network, batch(), ["synflow"]).values[:, 0]
    absolute = nn.Sequential(
        *(module for module in serial() if not isinstance(module, nn.BatchNorm2d))
    ).double()
    weights = [p.detach().double().abs() for p in network.parameters() if p.dim() > 1]
    for parameter, weight in zip(absolute.parameters(), weights, strict=True):
        parameter.data = weight
    total = float(absolute(torch.ones(1, 3, 8, 8, dtype=torch.float64)).sum().detach())
    np.testing.assert_allclose(values, total, rtol=1e-12)


def test_in_place_operations_change_nothing() -> None:
    overwriting, plain = InPlace(True), InPlace(False)
    plain.load_state_dict(overwriting.state_dict())
    np.testing.assert_array_equal(extract(overwriting, batch()).values, extract(plain, batch()).values)


def test_module_that_runs_twice_is_one_node_with_its_whole_gradient() -> None:
    network = seeded(Twice())
    table = extract(network, batch(), ["grad_norm"])
    assert [node.name for node in table.nodes] == ["stem", "shared", "head"]
    expected = gradients(network, *batch())["shared.weight"].norm()
    assert table.values[1, 0] == pytest.approx(float(expected), rel=1e-5)
    assert table.nodes[1].flops == 2 * 4 * 4 * 64


def test_shared_weight_counts_once() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    network[2].weight = network[0].weight
    table = extract(network, (torch.randn(5, 4), torch.randint(4, (5,))), ["l2_norm", "activation_mean"])
    assert [node.weights for node in table.nodes] == [16, 0]
    assert table.total("l2_norm") == pytest.approx(float(network[0].weight.norm().detach()), rel=1e-6)


def test_nodes_without_influence_are_dead() -> None:
    alive = {node.name: node.alive for node in extract(seeded(Cut()), batch()).nodes}
    assert alive == {
        "live": True,
        "starved": False,
        "unheard": False,
        "idle": False,
        "pool": True,
        "head": True,
    }


def test_skip_has_a_gradient_of_its_own() -> None:
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 1)
            self.skip = nn.Identity()
            self.head = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            return self.head((x + 0.5 * self.skip(x)).mean((2, 3)))

    column = extract(seeded(Skip()), batch()).column("output_gradient_norm")
    assert column[1] == pytest.approx(column[0] / 3, rel=1e-5)


def test_sizes() -> None:
    nodes = extract(serial(), batch()).nodes
    assert [(n.weights, n.kernel, n.spatial, n.in_channels, n.out_channels) for n in nodes] == [
        (108, 9, 64, 3, 4),
        (108, 9, 9, 4, 6),
        (18, 1, 1, 6, 3),
    ]
    assert [n.flops for n in nodes] == [108 * 64, 108 * 9, 18]
    assert [n.depth for n in nodes] == [0, 1, 2]


def test_activation_statistics() -> None:
    network = seeded(serial())
    x, y = batch()
    names = ["activation_mean", "activation_variance", "activation_sparsity"]
    table = extract(network, (x, y), names)
    first = network[0](x).detach()
    second_input = first.relu()
    np.testing.assert_allclose(
        table.values[0], [float(first.mean()), float(first.var(correction=0)), 0], rtol=1e-5
    )
    assert table.column("activation_sparsity")[1] == pytest.approx(
        float((second_input == 0).float().mean()), rel=1e-6
    )


def test_not_finite_is_missing_and_named() -> None:
    network = seeded(serial())
    network[2].weight.data[0] = float("nan")
    table = extract(network, batch(), ["l2_norm", "grad_norm"])
    assert ("2", "l2_norm") in table.missing
    assert np.isnan(table.values[1, 0])
    assert np.isfinite(table.values[0, 0])


def test_network_that_fails_says_where() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(5, 4, 1))
    with pytest.raises(RuntimeError, match="ran 1 nodes, the last was '0'"):
        extract(network, batch())


def test_network_that_returns_a_tuple_is_refused() -> None:
    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.inner(x), x

    with pytest.raises(RuntimeError, match="should return a tensor of logits, got tuple"):
        extract(Wrapper(), (torch.randn(5, 4), torch.randint(3, (5,))))


def test_network_without_nodes_is_refused() -> None:
    class Nothing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 3))

        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3)) @ self.weight

    with pytest.raises(ValueError, match="none ran"):
        extract(Nothing(), batch())


def test_one_probe_serves_all_statistics_that_read_it() -> None:
    probes = plan(load_statistics(DEFAULT_STATISTICS))
    assert sorted(probe.name for probe in probes) == ["loss_gradient", "synflow"]


@pytest.mark.parametrize("names", [[], ["snip", "snip"]])
def test_statistics_should_be_different_names(names: list[str]) -> None:
    with pytest.raises(ValueError, match="one or more different"):
        load_statistics(names)


def test_network_level_values() -> None:
    network = seeded(serial())
    table = extract(network, batch())
    assert table.network["parameters"] == sum(p.numel() for p in network.parameters())
    network.train()
    x, y = batch()
    assert table.network["loss"] == pytest.approx(float(F.cross_entropy(network(x), y).detach()), rel=1e-6)


def test_weights_that_no_node_has_are_listed() -> None:
    network = seeded(Attention())
    table = extract(network, batch())
    assert table.uncovered == ("token",)
    assert table.network["uncovered"] == 8
    assert extract(seeded(serial()), batch()).uncovered == ()
