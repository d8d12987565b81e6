"""What every training-free proxy keeps to; a new file in parzc/proxies is under test at once."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from parzc import plugins
from parzc.probing.extract import extract
from parzc.probing.table import Table
from parzc.training_free import Formula

pytestmark = pytest.mark.parametrize("name", plugins.available("proxies"))


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
    return extract(network, batch, plugins.load("proxies", name).statistics or ("l2_norm",))


def _network(width: int = 6) -> nn.Module:
    torch.manual_seed(0)
    convs = (nn.Conv2d(3, width, 3), nn.ReLU(), nn.Conv2d(width, width, 3), nn.ReLU())
    return nn.Sequential(*convs, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 5))


def test_it_is_a_documented_formula_over_statistics_that_exist(name: str):
    proxy = plugins.load("proxies", name)
    assert isinstance(proxy, Formula)
    assert set(proxy.statistics) <= set(plugins.available("statistics"))
    assert "Returns:" in str(proxy.__doc__)
    assert "Source:" in str(proxy.__doc__)


def test_the_score_is_a_finite_float_and_repeatable(name: str):
    proxy = plugins.load("proxies", name)
    first, second = (proxy(_table(name, _network())) for _ in range(2))
    assert isinstance(first, float)
    assert math.isfinite(first)
    assert first == second


def test_the_order_of_the_nodes_does_not_matter(name: str):
    proxy, table = plugins.load("proxies", name), _table(name, _network())
    turned = dataclasses.replace(
        table, nodes=table.nodes[::-1], values=np.ascontiguousarray(table.values[::-1])
    )
    assert proxy(turned) == pytest.approx(proxy(table))


def test_a_network_that_ignores_its_input_has_a_finite_score(name: str):
    assert math.isfinite(plugins.load("proxies", name)(_table(name, _Ignorant())))


def test_a_value_that_is_not_finite_is_no_number_and_never_zero(name: str):
    proxy = plugins.load("proxies", name)
    if not proxy.statistics:
        pytest.skip("reads sizes only")
    network = _network()
    with torch.no_grad():
        network[2].weight[0, 0, 0, 0] = torch.nan
    assert math.isnan(proxy(_table(name, network)))
