"""What every training-free proxy keeps to; a new file in parzc/proxies is under test at once."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from parzc import plugins
from parzc.aggregate import Aggregate
from parzc.probing.extract import extract
from parzc.probing.table import Table
from parzc.proxy import open_proxy
from parzc.training_free import Formula

LOADED = {name: plugins.load("proxies", name) for name in plugins.available("proxies")}
FORMULAS = [name for name, found in LOADED.items() if isinstance(found, Formula)]
AGGREGATES = [name for name, found in LOADED.items() if isinstance(found, Aggregate)]

of_each_formula = pytest.mark.parametrize("name", FORMULAS)
of_each_aggregate = pytest.mark.parametrize("name", AGGREGATES)


class _Ignorant(nn.Module):
    """A network that ignores its input but for a path multiplied by zero."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((self.conv(x) * 0).mean((2, 3)))


def _table(name: str, network: nn.Module) -> Table:
    torch.manual_seed(1)
    batch = (torch.randn(4, 3, 8, 8), torch.randint(5, (4,)))
    return extract(network, batch, open_proxy(name).statistics)


def _network(width: int = 6) -> nn.Module:
    torch.manual_seed(0)
    convs = (nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU())
    return nn.Sequential(*convs, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 5))


def test_each_is_a_formula_or_an_aggregate():
    assert sorted([*FORMULAS, *AGGREGATES]) == plugins.available("proxies")


@pytest.mark.parametrize("name", LOADED)
def test_it_is_documented(name: str):
    assert LOADED[name].__name__ == name
    assert "Returns:" in str(LOADED[name].__doc__)
    assert "Source:" in str(LOADED[name].__doc__)


@of_each_formula
def test_it_reads_statistics_that_exist(name: str):
    assert set(LOADED[name].statistics) <= set(plugins.available("statistics"))


@of_each_formula
def test_the_score_is_a_finite_float_and_repeatable(name: str):
    first, second = (LOADED[name](_table(name, _network())) for _ in range(2))
    assert isinstance(first, float)
    assert math.isfinite(first)
    assert first == second


@of_each_formula
def test_the_order_of_the_nodes_does_not_matter(name: str):
    if any("block" in plugins.load("statistics", read).of for read in LOADED[name].statistics):
        pytest.skip("reads blocks, which follow each other")
    table = _table(name, _network())
    turned = dataclasses.replace(
        table, nodes=table.nodes[::-1], values=np.ascontiguousarray(table.values[::-1])
    )
    assert LOADED[name](turned) == pytest.approx(LOADED[name](table))


@of_each_formula
def test_a_network_that_ignores_its_input_never_scores_without_bound(name: str):
    score = LOADED[name](_table(name, _Ignorant()))
    assert isinstance(score, float)
    assert score != math.inf


@of_each_formula
def test_a_value_that_is_not_finite_gives_no_finite_score(name: str):
    if set(LOADED[name].statistics) <= {"level", "block_level"}:
        pytest.skip("reads sizes and structure only")
    network = _network()
    with torch.no_grad():
        network[2].weight[0, 0, 0, 0] = torch.nan
    score = LOADED[name](_table(name, network))
    assert math.isnan(score) or score == -math.inf


@pytest.mark.parametrize("name", [name for name in FORMULAS if LOADED[name].many])
def test_many_at_once_score_as_one_by_one(name: str):
    whole = [_table(name, network) for network in (_network(), _Ignorant(), _network(4))]
    broken = [dataclasses.replace(each, values=each.values.copy()) for each in whole]
    for each in broken:
        each.values[np.random.default_rng(0).random(each.values.shape) < 0.3] = np.nan
    without = [dataclasses.replace(whole[0], nodes=(), values=whole[0].values[:0])]
    tables = [*whole, *without, *broken]
    expected = [LOADED[name](table) for table in tables]
    np.testing.assert_allclose(open_proxy(name).predict(tables)[0], expected, rtol=1e-12)


@of_each_aggregate
def test_its_members_are_formulas(name: str):
    assert len(set(LOADED[name].members)) == len(LOADED[name].members) > 1
    assert set(LOADED[name].members) <= set(FORMULAS)


@of_each_aggregate
def test_it_scores_a_population(name: str):
    tables = [_table(name, network) for network in (_network(), _network(4), _Ignorant())]
    scores, sd = open_proxy(name).predict(tables)
    assert np.isfinite(scores).all()
    assert (sd == 0).all()
    assert scores.argmin() == 2


@of_each_aggregate
def test_a_reference_population_scores_itself_alike(name: str):
    tables = [_table(name, network) for network in (_network(), _network(4), _Ignorant())]
    opened = open_proxy(name)
    np.testing.assert_array_equal(opened.reference(tables).predict(tables)[0], opened.predict(tables)[0])
