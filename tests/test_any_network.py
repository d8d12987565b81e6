"""Networks that lay their tensors out in other ways, or make their weights, read like plain ones."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from parzc.probing.extract import extract
from tests.networks_to_probe import batch, seeded

STATISTICS = ("grad_norm", "fisher", "activation_pattern", "naswot", "ntk_trace", "ntk_condition")


class Windows(nn.Module):
    """Mixes channels window by window; the windows are further rows of the batch, or stay inside."""

    def __init__(self, *, as_rows: bool) -> None:
        super().__init__()
        self.linear, self.act = nn.Linear(3, 6), nn.ReLU()
        self.conv = nn.Conv1d(6, 4, 1)
        self.head = nn.Linear(4, 3)
        self.as_rows = as_rows

    def forward(self, images: Tensor) -> Tensor:
        tokens = images.flatten(2).transpose(1, 2)
        if self.as_rows:
            tokens = tokens.reshape(len(images) * 4, -1, 3)
        x = self.act(self.linear(tokens))
        return self.head(self.conv(x.transpose(1, 2)).mean(2).view(len(images), -1, 4).mean(1))


class BatchSecond(nn.Module):
    """Has the batch in the second dimension, or not."""

    def __init__(self, *, second: bool, tokens: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(6, 2, 8, dropout=0, activation=nn.ReLU(), batch_first=not second)
        self.linear, self.layer, self.head = nn.Linear(3, 6), layer, nn.Linear(6, 3)
        self.second, self.tokens = second, tokens

    def forward(self, images: Tensor) -> Tensor:
        tokens = images.flatten(2)[..., : self.tokens].permute(2, 0, 1)
        tokens = tokens if self.second else tokens.transpose(0, 1)
        return self.head(self.layer(self.linear(tokens)).mean(0 if self.second else 1))


@pytest.mark.parametrize(
    ("odd", "plain"),
    [
        (Windows(as_rows=True), Windows(as_rows=False)),
        (BatchSecond(second=True, tokens=5), BatchSecond(second=False, tokens=5)),
        (BatchSecond(second=True, tokens=12), BatchSecond(second=False, tokens=12)),
    ],
    ids=["windows", "batch second", "batch second, tokens a multiple of the batch"],
)
def test_the_layout_of_rows_does_not_matter(odd: nn.Module, plain: nn.Module) -> None:
    x, y = batch()
    tables = [extract(seeded(network).double(), (x.double(), y), STATISTICS) for network in (odd, plain)]
    np.testing.assert_allclose(tables[0].values, tables[1].values, rtol=1e-9)
    for name in ("naswot", "ntk_trace", "ntk_condition"):
        assert tables[0].network[name] == pytest.approx(tables[1].network[name], rel=1e-9)
    for size in ("flops", "spatial"):
        assert tables[0].column(size).tolist() == tables[1].column(size).tolist()


class Bias(nn.Module):
    """Adds what it computes from nothing but its own parameters, once for all inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grid", torch.linspace(-1, 1, 8).view(1, 8, 1))
        self.make = nn.Sequential(nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 1))
        self.act, self.head = nn.ReLU(), nn.Linear(8, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.act(images.mean((1, 2)) + self.make(self.grid).flatten()))


def test_what_is_computed_once_for_all_inputs_has_one_pattern_for_all() -> None:
    table = extract(seeded(Bias()), batch(), STATISTICS)
    assert np.isfinite(table.network["naswot"])
    assert ("make.1", "activation_pattern") in table.missing  # alone it tells no two inputs apart
    assert table.column("flops")[0] == 8 * 4


class Conv1D(nn.Module):
    """A linear layer with its weight the other way round, as in transformers' GPT-2."""

    def __init__(self, out: int, inside: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(inside, out)), nn.Parameter(torch.zeros(out))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


class Gain(nn.Module):
    """Has a matrix named weight, and is no linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(6, 6))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.mean(0)


def test_linear_layers_of_other_packages_are_nodes() -> None:
    network = seeded(
        nn.Sequential(nn.Flatten(2), nn.Flatten(), Conv1D(6, 192), nn.ReLU(), Gain(), Conv1D(3, 6))
    )
    plain = nn.Sequential(
        nn.Flatten(2), nn.Flatten(), nn.Linear(192, 6), nn.ReLU(), nn.Identity(), nn.Linear(6, 3)
    )
    gain = network[4].weight.detach().mean(0)
    plain[2].weight.data, plain[2].bias.data = network[2].weight.data.mT, network[2].bias.data
    plain[5].weight.data, plain[5].bias.data = (
        (gain[:, None] * network[5].weight.data).mT,
        network[5].bias.data,
    )
    found, expected = (extract(n, batch(), ("grad_norm", "snip")) for n in (network, plain))
    assert [node.name for node in found.nodes] == ["2", "5"]
    assert found.uncovered == ("4.weight",)
    assert found.values[0] == pytest.approx(expected.values[0], rel=1e-4)
    assert found.column("flops").tolist() == [192 * 6, 6 * 3]


def test_a_parametrised_weight_is_the_one_that_was_used() -> None:
    network = seeded(
        nn.Sequential(weight_norm(nn.Conv2d(3, 4, 3)), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    )
    x, y = batch()
    table = extract(network, (x, y), ("grad_norm", "l2_norm"))
    weight = network[0].weight.detach().requires_grad_()
    logits = network[3](F.conv2d(x, weight, network[0].bias).relu().flatten(1))
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, y), weight)
    assert table.values[0] == pytest.approx([gradient.norm().item(), weight.norm().item()], rel=1e-4)
    assert table.alive.all()
    assert table.uncovered == ()


class AddsToSkip(nn.Module):
    """Writes a sum into what an identity gave."""

    def __init__(self, *, in_place: bool) -> None:
        super().__init__()
        self.conv, self.norm, self.skip = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Identity()
        self.head = nn.Linear(3, 3)
        self.in_place = in_place

    def forward(self, x: Tensor) -> Tensor:
        out = self.skip(self.norm(self.conv(x)))
        if self.in_place:
            out += x
        else:
            out = out + x
        return self.head(out.relu().mean((2, 3)))


def test_a_skip_that_is_overwritten_is_alive() -> None:
    names = ("output_gradient_norm", "activation_mean", "grad_norm")
    found, expected = (extract(seeded(AddsToSkip(in_place=p)), batch(), names) for p in (True, False))
    assert found.alive.all()
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-5)


@pytest.mark.parametrize("on_vectors", [True, False])
def test_batch_norm_of_vectors_may_have_a_batch_of_one(on_vectors: bool) -> None:
    maps = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    head = [nn.BatchNorm1d(4)] if on_vectors else []
    table = extract(seeded(nn.Sequential(*maps, *head, nn.Linear(4, 3))), batch(), ("synflow_bn", "synflow"))
    assert np.isfinite(table.values).all()
