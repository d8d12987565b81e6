"""What every statistic keeps to."""

import numpy as np
import pytest
import torch

from parzc import plugins
from parzc.probing.extract import extract
from tests.networks_to_probe import Attention, InPlace, Twice, batch, seeded, serial

NAMES = plugins.available("statistics")
NETWORKS = [serial(), serial(bias=True), InPlace(True), Twice(), Attention()]


@pytest.fixture(params=NETWORKS, ids=lambda network: type(network).__name__)
def network(request: pytest.FixtureRequest) -> torch.nn.Module:
    return seeded(request.param)


def test_name_is_file_name() -> None:
    assert [plugins.load("statistics", name).name for name in NAMES] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_finite_on_weighted_nodes(name: str, network: torch.nn.Module) -> None:
    table = extract(network, batch(), [name])
    weighted = np.array([node.weights > 0 for node in table.nodes])
    assert weighted.any()
    assert np.isfinite(table.column(name)[weighted]).all()
    assert not table.missing


@pytest.mark.parametrize("name", NAMES)
def test_repeatable(name: str, network: torch.nn.Module) -> None:
    first = extract(network, batch(), [name]).values
    torch.rand(5)
    np.testing.assert_array_equal(first, extract(network, batch(), [name]).values)


@pytest.mark.parametrize("name", NAMES)
def test_order_of_batch_does_not_matter(name: str) -> None:
    network = seeded(serial(bias=True)).double()
    x, y = batch()
    x = x.double()
    forward = extract(network, (x, y), [name]).values
    backward = extract(network, (x.flip(0), y.flip(0)), [name]).values
    np.testing.assert_allclose(forward, backward, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_same_alone_and_in_company(name: str, network: torch.nn.Module) -> None:
    together = extract(network, batch(), NAMES).column(name)
    np.testing.assert_array_equal(extract(network, batch(), [name]).column(name), together)
