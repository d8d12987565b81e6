"""Values of the public NASWOT, HNAS and TE-NAS code on fixed weights."""

import numpy as np
import pytest

from tests.golden.extraction import Compat, Extracted, extract_with_draws, extracted
from tests.golden.reference import every_batch, every_network, finite, needed, network, published

SINGULAR = "nb1_none"
"""Of its kernels rounding decides the condition number."""

pytestmark = needed


def _kernel(found: Extracted, statistic: str) -> np.ndarray:
    return np.sum([part.numpy() for part in found.parts[statistic]], axis=0)


@every_batch
@every_network
@pytest.mark.parametrize(("compat", "key"), [(None, "naswot_relu_only"), ("original", "naswot")])
def test_naswot_and_its_kernel_are_the_published_ones(name: str, batch: str, compat: Compat, key: str):
    values, found = published("other", name, batch), extracted(name, batch, compat)
    if key not in values:
        pytest.skip("not published for this network")
    np.testing.assert_array_equal(_kernel(found, "naswot"), values[f"{key}.K"])
    assert found.score("naswot") == pytest.approx(finite(values[key]), abs=1e-9, nan_ok=True)


@every_batch
@every_network
def test_hnas_naswot_is_the_published_one(name: str, batch: str):
    values, made = published("other", name, batch), network(name)
    if not np.isfinite(values["hnas_naswot"]):
        pytest.skip("singular, or without a module of the class ReLU")
    for last in getattr(made, "lastact", [])[1:]:
        # the original reads after the last activation has worked in place
        last.register_forward_pre_hook(lambda module, inputs: (inputs[0].relu(),))
    found = extract_with_draws(made, name, batch, ["hnas_naswot"], "original")
    assert found.score("hnas_naswot") == pytest.approx(finite(values["hnas_naswot"]), rel=1e-9, nan_ok=True)


@every_batch
@every_network
def test_hnas_kernel_trace_and_condition_number_are_the_published_ones(name: str, batch: str):
    values, found = published("other", name, batch), extracted(name, batch, None)
    if "hnas_ntk" not in values:
        pytest.skip("not published for this network")
    expected = values["hnas_ntk"]
    np.testing.assert_allclose(_kernel(found, "ntk_trace"), expected, rtol=1e-8, atol=1e-8 * expected.max())
    assert found.score("ntk_trace") == pytest.approx(float(values["hnas_ntk_trace"]), rel=1e-8)
    if name != SINGULAR:
        assert found.score("ntk_condition") == pytest.approx(-float(values["hnas_condnum"]), rel=1e-8)


@every_batch
@every_network
def test_te_nas_kernel_and_condition_number_are_the_published_ones(name: str, batch: str):
    values, found = published("other", name, batch), extracted(name, batch, None)
    expected = values["tenas_ntk"]
    np.testing.assert_allclose(_kernel(found, "te_nas_ntk"), expected, rtol=1e-8, atol=1e-8 * expected.max())
    if name != SINGULAR:
        assert found.score("te_nas_ntk") == pytest.approx(-float(values["tenas_ntk_cond"]), rel=1e-8)
