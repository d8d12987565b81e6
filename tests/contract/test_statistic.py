"""What every statistic keeps to."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from parzc import plugins
from parzc.probing.activations import is_activation
from parzc.probing.extract import extract
from parzc.probing.node import OPERATIONS
from parzc.probing.table import NodeInfo, Table
from tests.networks_to_probe import Attention, InPlace, Twice, batch, seeded, serial

NAMES = plugins.available("statistics")
NETWORKS = [serial(), serial(bias=True), InPlace(True), Twice(), Attention()]
DRAWING = ("trainability", "zen")
"""Those that draw numbers for each place in the batch."""


@pytest.fixture(params=NETWORKS, ids=lambda network: type(network).__name__)
def network(request: pytest.FixtureRequest) -> nn.Module:
    return seeded(request.param)


@pytest.fixture(scope="module")
def together() -> dict[int, Table]:
    return {id(network): extract(seeded(network), batch(), NAMES) for network in NETWORKS}


def _values(table: Table, name: str) -> np.ndarray:
    """Read the statistic of the whole network, or of the nodes that it is for."""
    statistic = plugins.load("statistics", name)
    if statistic.total is not None:
        return np.array([table.network[name]])
    rows = [row for row, node in enumerate(table.nodes) if _is_for(statistic, node)]
    first = 1 if statistic.probe.name == "block_jacobian" else 0  # no block ends at the first tap
    return table.column(name)[rows][first:]


def _is_for(statistic, node: NodeInfo) -> bool:
    if node.kind in OPERATIONS:
        return "operation" in statistic.of and (node.weights > 0 or not statistic.weighted)
    return node.kind in statistic.of


def test_name_is_file_name() -> None:
    assert [plugins.load("statistics", name).name for name in NAMES] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_finite_where_it_is_defined(name: str, network: nn.Module) -> None:
    statistic = plugins.load("statistics", name)
    if "activation" in statistic.of and not any(is_activation(module) for module in network.modules()):
        pytest.skip("the network has no activation modules")
    table = extract(network, batch(), [name])
    values = _values(table, name)
    positions = [node.spatial for node in table.nodes if node.kind == "block"]
    if name == "trainability" and (not len(values) or any(a % b for a, b in pairwise(positions))):
        pytest.skip("no block, or one that divides its input by no whole number")
    assert len(values)
    assert np.isfinite(values).all()
    assert not table.missing


@pytest.mark.parametrize("name", NAMES)
def test_repeatable(name: str, network: nn.Module) -> None:
    first = _values(extract(network, batch(), [name]), name)
    torch.rand(5)
    np.testing.assert_array_equal(first, _values(extract(network, batch(), [name]), name))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DRAWING])
def test_order_of_batch_does_not_matter(name: str) -> None:
    network = seeded(serial(bias=True)).double()
    x, y = batch()
    x = x.double()
    forward = _values(extract(network, (x, y), [name]), name)
    backward = _values(extract(network, (x.flip(0), y.flip(0)), [name]), name)
    np.testing.assert_allclose(forward, backward, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_same_alone_and_in_company(name: str, network: nn.Module, together: dict[int, Table]) -> None:
    alone = _values(extract(network, batch(), [name]), name)
    np.testing.assert_array_equal(alone, _values(together[id(network)], name))


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_its_own_for_everything_read(name: str, network: nn.Module) -> None:
    table = extract(network, batch(), [name])
    rows = [(node.kind, node.name) for node in table.nodes]
    assert len(set(rows)) == len(rows)
