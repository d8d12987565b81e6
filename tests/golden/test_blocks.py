"""Values of the public AZ-NAS and Zen-NAS code on fixed weights."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.golden.extraction import Compat, Extracted, extract_with_draws, extracted
from tests.golden.reference import (
    FACTS,
    every_batch,
    every_compat,
    every_network,
    finite,
    needed,
    network,
    published,
)

pytestmark = needed


@every_compat
@every_batch
@every_network
def test_blocks_have_the_published_values(name: str, batch: str, compat: Compat):
    values, table = published("aznas", name, batch), extracted(name, batch, compat).table
    blocks = [row for row, node in enumerate(table.nodes) if node.kind == "block"]
    assert len(blocks) == len(FACTS[name]["features"])
    trainability = np.where(np.isinf(values["trainability.blocks"]), np.nan, values["trainability.blocks"])
    found = table.column("trainability")[blocks]
    np.testing.assert_allclose(found, [np.nan, *trainability], rtol=1e-9, atol=1e-9)
    if name != "nb1_none":  # there the spectrum is that of rounding errors
        entropies = table.column("expressivity")[blocks]
        np.testing.assert_allclose(entropies, values["expressivity.blocks"], rtol=1e-9)


@every_compat
@every_batch
@every_network
def test_scores_are_the_published_ones(name: str, batch: str, compat: Compat):
    values, found = published("aznas", name, batch), extracted(name, batch, compat)
    for proxy in ("expressivity", "progressivity", "trainability"):
        if proxy in values:
            expected = pytest.approx(float(values[proxy]), rel=1e-9, abs=1e-9)
            assert found.score(proxy) == expected, proxy


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


def _check_zen(found: Extracted, values: dict[str, np.ndarray], weights: str) -> None:
    *normalisations, delta = found.parts["zen"]
    assert float(delta.exp()) == pytest.approx(float(values[f"{weights}.delta"]), rel=1e-9)
    terms = pytest.approx(float(values[f"{weights}.log_bn"]), rel=1e-9, abs=1e-12)
    assert float(sum(normalisations)) == terms
    score = pytest.approx(finite(values[f"{weights}.zen"]), rel=1e-9, nan_ok=True)
    assert found.score("zen") == score


@every_network
def test_zen_score_and_its_terms_are_the_published_ones(name: str):
    values = published("other", name, "noise")
    if "zen_saved.zen" not in values:
        pytest.skip("not published for this network")
    _check_zen(extracted(name, "noise", None), values, "zen_saved")


@every_network
def test_zen_score_of_gaussian_weights_is_the_published_one(name: str):
    values = published("other", name, "noise")
    if "zen_gauss.zen" not in values:
        pytest.skip("not published for this network")
    _check_zen(extract_with_draws(_gaussian(name), name, "noise", ["zen"]), values, "zen_gauss")
