"""Probes share forward passes, and networks that need it are run in another way."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from parzc.probing import draws
from parzc.probing.extract import extract, load_statistics, plan
from tests.networks_to_probe import batch, seeded, serial


class Counted(nn.Module):
    """Counts how often it runs."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside
        self.runs = 0

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        return self.inside(x)


@pytest.mark.parametrize(
    ("statistics", "runs"),
    [
        (["snip", "naswot", "jacob_cov", "trainability", "expressivity", "ntk_trace", "grasp"], 1),
        (["snip", "synflow"], 2),
        (["snip", "zen"], 2),
        (["snip", "zico"], 3),
    ],
)
def test_a_forward_pass_runs_once(statistics: list[str], runs: int) -> None:
    network = Counted(seeded(serial()))
    extract(network, batch(), statistics)
    assert network.runs == runs


def test_a_second_batch_spares_the_halves() -> None:
    network = Counted(seeded(serial()))
    extract(network, batch(), ["zico"], second_batch=batch())
    assert network.runs == 2


def test_the_plan_names_what_helps_only() -> None:
    probes = plan(load_statistics(["grasp"]))
    assert {probe.name: len(readers) for probe, readers in probes.items()} == {
        "loss_gradient": 0,
        "hessian_gradient": 1,
    }


def test_two_equal_batches_leave_no_element_that_differs() -> None:
    table = extract(seeded(serial()), batch(), ["zico"], second_batch=batch())
    assert np.isnan(table.column("zico")).all()
    assert len(table.missing) == len(table.nodes)


def test_one_input_has_no_halves() -> None:
    x, y = batch()
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    with pytest.raises(ValueError, match="second batch"):
        extract(network, (x[:1], y[:1]), ["zico"])


class Views(nn.Module):
    """Refuses feature maps with the channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4 * 36, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).view(len(x), -1))


def test_a_network_that_views_its_maps_is_read_all_the_same() -> None:
    network = seeded(Views())
    with pytest.raises(RuntimeError, match="view"):
        network(batch()[0].contiguous(memory_format=torch.channels_last))
    table = extract(network, batch(), ["snip", "naswot"])
    assert np.isfinite(table.values).all()


def test_a_value_of_the_network_that_is_missing_is_listed() -> None:
    table = extract(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), batch(), ["naswot", "snip"])
    assert np.isnan(table.network["naswot"])
    assert table.missing == (("network", "naswot"),)


def test_an_object_with_logits_is_understood() -> None:
    class Output(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = seeded(serial())

        def forward(self, x: Tensor) -> object:
            return type("Output", (), {"logits": self.inside(x)})()

    np.testing.assert_array_equal(
        extract(Output(), batch(), ["snip"]).values, extract(seeded(serial()), batch(), ["snip"]).values
    )


def test_blocks_can_be_read_on_noise() -> None:
    network, (x, y) = seeded(serial()), batch()
    noise = draws.standard_normal(x.shape, x)
    statistics = ["snip", "expressivity", "trainability"]
    apart = extract(network, (x, y), statistics, block_inputs="noise")
    alone, on_noise = extract(network, (x, y), ["snip"]), extract(network, (noise, y), statistics[1:])
    assert [node.kind for node in apart.nodes] == [node.kind for node in on_noise.nodes]
    rows = [node.kind == "block" for node in apart.nodes]
    np.testing.assert_array_equal(apart.column("expressivity")[rows], on_noise.column("expressivity")[rows])
    np.testing.assert_array_equal(apart.column("trainability")[rows], on_noise.column("trainability")[rows])
    np.testing.assert_array_equal(apart.column("snip")[: len(alone.nodes)], alone.column("snip"))
    assert apart.network["loss"] == alone.network["loss"]
    assert apart.alive.all()


def test_blocks_on_noise_alone_need_no_other_pass() -> None:
    network = Counted(seeded(serial()))
    table = extract(network, batch(), ["trainability"], block_inputs="noise")
    assert network.runs == 1
    assert "loss" not in table.network
