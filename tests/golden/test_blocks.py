"""Values of the public AZ-NAS and Zen-NAS code on fixed weights."""

import numpy as np
import pytest
import torch
from torch import nn

from parzc import plugins
from parzc.probing import draws
from parzc.probing.extract import extract
from parzc.probing.table import Table
from tests.golden.parts import parts_of
from tests.golden.reference import (
    FACTS,
    NAMES,
    data,
    every_batch,
    every_network,
    finite,
    needed,
    network,
    published,
    signs,
)

STATISTICS = ("expressivity", "trainability")

pytestmark = needed


@pytest.fixture
def table_of(monkeypatch: pytest.MonkeyPatch):
    def extracted(name: str, batch: str, compat=None) -> Table:
        stored = signs(name)
        monkeypatch.setattr(
            draws, "rademacher", lambda index, shape, like: torch.from_numpy(stored[index].reshape(shape))
        )
        return extract(network(name), data(name, batch), STATISTICS, compat=compat)

    return extracted


def _column(table: Table, statistic: str) -> np.ndarray:
    blocks = [row for row, node in enumerate(table.nodes) if node.kind == "block"]
    return table.column(statistic)[blocks]


@every_batch
@every_network
@pytest.mark.parametrize("compat", [None, "original"])
def test_blocks_have_the_published_values(table_of, name: str, batch: str, compat):
    values, table = published("aznas", name, batch), table_of(name, batch, compat)
    taps = [node.name for node in table.nodes if node.kind == "block"]
    assert len(taps) == len(FACTS[name]["features"])
    trainability = np.where(np.isinf(values["trainability.blocks"]), np.nan, values["trainability.blocks"])
    np.testing.assert_allclose(_column(table, "trainability"), [np.nan, *trainability], rtol=1e-9, atol=1e-9)
    if name != "nb1_none":  # there the spectrum is that of rounding errors
        np.testing.assert_allclose(_column(table, "expressivity"), values["expressivity.blocks"], rtol=1e-9)


@every_batch
@every_network
@pytest.mark.parametrize("compat", [None, "original"])
def test_scores_are_the_published_ones(table_of, name: str, batch: str, compat):
    values, table = published("aznas", name, batch), table_of(name, batch, compat)
    for proxy in ("expressivity", "progressivity", "trainability"):
        if proxy in values:
            expected = pytest.approx(float(values[proxy]), rel=1e-9, abs=1e-9)
            assert plugins.load("proxies", proxy)(table) == expected, proxy


def _gaussian(name: str) -> nn.Module:
    """Draw the weights as for the published value: normal ones, no biases, plain normalisation."""
    random, made = np.random.RandomState(1000 + FACTS[name]["seed"]), network(name)
    with torch.no_grad():
        for parameter_name, parameter in made.named_parameters():
            if parameter.dim() == 1:
                parameter.fill_(float("bias" not in parameter_name))
        for node in FACTS[name]["nodes"]:
            drawn = random.standard_normal(node["shape"]).astype("float32")
            made.get_parameter(node["weight_key"]).copy_(torch.from_numpy(drawn))
    return made


@every_network
@pytest.mark.parametrize(("weights", "make"), [("zen_saved", network), ("zen_gauss", _gaussian)])
def test_zen_score_and_its_terms_are_the_published_ones(
    monkeypatch: pytest.MonkeyPatch, name: str, weights: str, make
):
    values = published("other", name, "noise")
    if f"{weights}.zen" not in values:
        pytest.skip("not published for this network")
    monkeypatch.setattr(draws, "standard_normal", lambda shape, like: data(name, "noise_b")[0])
    *normalisations, delta = parts_of("zen", make(name), data(name, "noise"))
    assert float(delta.exp()) == pytest.approx(float(values[f"{weights}.delta"]), rel=1e-9)
    terms = float(sum(normalisations))
    assert terms == pytest.approx(float(values[f"{weights}.log_bn"]), rel=1e-9, abs=1e-12)
    table = extract(make(name), data(name, "noise"), ["zen"])
    expected = pytest.approx(finite(values[f"{weights}.zen"]), rel=1e-9, nan_ok=True)
    assert plugins.load("proxies", "zen")(table) == expected


def test_zen_scores_are_there():
    assert [name for name in NAMES if "zen_saved.zen" in published("other", name, "noise")]
