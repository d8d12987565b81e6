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


@pytest.fixture(params=NETWORKS, ids=lambda network: type(network).__name__, scope="module")
def network(request: pytest.FixtureRequest) -> nn.Module:
    return seeded(request.param)


@pytest.fixture(scope="module")
def table(network: nn.Module) -> Table:
    return extract(network, batch(), NAMES)


@pytest.fixture(scope="module")
def again(network: nn.Module) -> Table:
    torch.rand(5)
    return extract(network, batch(), NAMES)


@pytest.fixture(scope="module")
def turned() -> tuple[Table, Table]:
    network = seeded(serial(bias=True)).double()
    x, y = batch()
    x = x.double()
    return extract(network, (x, y), NAMES), extract(network, (x.flip(0), y.flip(0)), NAMES)


def _values(table: Table, name: str) -> np.ndarray:
    """Read the statistic of the whole network, or of the nodes that it is for."""
    statistic = plugins.load("statistics", name)
    if statistic.total is not None:
        network = table.network
        return np.array([network[key] for key in network if key == name or key.startswith(f"{name}.")])
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
def test_finite_where_it_is_defined(name: str, network: nn.Module, table: Table) -> None:
    statistic = plugins.load("statistics", name)
    if "activation" in statistic.of and not any(is_activation(module) for module in network.modules()):
        pytest.skip("the network has no activation modules")
    values = _values(table, name)
    positions = [node.spatial for node in table.nodes if node.kind == "block"]
    if name == "trainability" and (not len(values) or any(a % b for a, b in pairwise(positions))):
        pytest.skip("no block, or one that divides its input by no whole number")
    assert len(values)
    assert np.isfinite(values).all()


def test_missing_values_are_listed(table: Table) -> None:
    names = {node.name for node in table.nodes} | {"network"}
    for node, name in table.missing:
        assert node in names
        assert not np.isfinite(_values(table, name)).all()


@pytest.mark.parametrize("name", NAMES)
def test_repeatable(name: str, table: Table, again: Table) -> None:
    np.testing.assert_array_equal(_values(table, name), _values(again, name))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DRAWING])
def test_order_of_batch_does_not_matter(name: str, turned: tuple[Table, Table]) -> None:
    forward, backward = (_values(table, name) for table in turned)
    np.testing.assert_allclose(forward, backward, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_same_alone_and_in_company(name: str, network: nn.Module, table: Table) -> None:
    alone = extract(network, batch(), [name])
    # not bit for bit: a graph that is differentiated twice rounds in another way
    np.testing.assert_allclose(_values(alone, name), _values(table, name), rtol=1e-5, atol=1e-6)


def test_a_row_of_its_own_for_everything_read(table: Table) -> None:
    rows = [(node.kind, node.name) for node in table.nodes]
    assert len(set(rows)) == len(rows)
