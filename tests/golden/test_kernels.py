"""Values of the public NASWOT, HNAS and TE-NAS code on fixed weights."""

import numpy as np
import pytest

from parzc import plugins
from parzc.probing.extract import extract
from tests.golden.parts import parts_of
from tests.golden.reference import data, every_batch, every_network, finite, needed, network, published

pytestmark = needed


@every_batch
@every_network
@pytest.mark.parametrize(("compat", "key"), [(None, "naswot_relu_only"), ("original", "naswot")])
def test_naswot_and_its_kernel_are_the_published_ones(name: str, batch: str, compat, key: str):
    values = published("other", name, batch)
    if key not in values:
        pytest.skip("not published for this network")
    kernel = sum(part.numpy() for part in parts_of("naswot", network(name), data(name, batch), compat))
    np.testing.assert_array_equal(kernel, values[f"{key}.K"])
    table = extract(network(name), data(name, batch), ["naswot"], compat=compat)
    expected = pytest.approx(finite(values[key]), abs=1e-9, nan_ok=True)
    assert plugins.load("proxies", "naswot")(table) == expected


@every_batch
@every_network
def test_hnas_kernel_trace_and_condition_number_are_the_published_ones(name: str, batch: str):
    values = published("other", name, batch)
    if "hnas_ntk" not in values:
        pytest.skip("not published for this network")
    kernel = sum(part.numpy() for part in parts_of("ntk_trace", network(name), data(name, batch)))
    np.testing.assert_allclose(kernel, values["hnas_ntk"], rtol=1e-8, atol=1e-8 * kernel.max())
    table = extract(network(name), data(name, batch), ["ntk_trace", "ntk_condition"])
    trace, condition = (plugins.load("proxies", proxy)(table) for proxy in table.network if "ntk" in proxy)
    assert trace == pytest.approx(float(values["hnas_ntk_trace"]), rel=1e-8)
    if name != "nb1_none":  # singular: the published number is what rounding leaves
        assert condition == pytest.approx(-float(values["hnas_condnum"]), rel=1e-8)


@every_batch
@every_network
def test_te_nas_kernel_and_condition_number_are_the_published_ones(name: str, batch: str):
    values = published("other", name, batch)
    (kernel,) = parts_of("te_nas_ntk", network(name), data(name, batch))
    published_kernel = values["tenas_ntk"]
    np.testing.assert_allclose(kernel, published_kernel, rtol=1e-8, atol=1e-8 * published_kernel.max())
    if name != "nb1_none":
        table = extract(network(name), data(name, batch), ["te_nas_ntk"])
        expected = pytest.approx(-float(values["tenas_ntk_cond"]), rel=1e-8)
        assert plugins.load("proxies", "te_nas_ntk")(table) == expected
