"""Statistics that compare samples, against closed forms."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from parzc import kernels
from parzc.probing.node import Node
from parzc.statistics.activation_pattern import activation_pattern
from parzc.statistics.grad_sign import grad_sign
from parzc.statistics.hnas_naswot import hnas_naswot
from parzc.statistics.jacob_cov import jacob_cov
from parzc.statistics.linear_regions import linear_regions
from parzc.statistics.naswot import naswot
from parzc.statistics.ntk_condition import ntk_condition
from parzc.statistics.ntk_trace import ntk_trace
from parzc.statistics.te_nas_ntk import te_nas_ntk
from tests.nodes import made, noise


def _kernel(inputs: Tensor) -> np.ndarray:
    x = (inputs.flatten(1) > 0).double().numpy()
    return x @ x.T + (1 - x) @ (1 - x).T


def _total(statistic, parts: list[Tensor]) -> float:
    assert statistic.total is not None
    return float(statistic.total(parts))


def test_naswot_is_the_determinant_of_the_sum_of_the_kernels():
    inputs = [noise(5, 3, 4, 4), noise(5, 6, seed=1), noise(5, 3, 4, 4, seed=2)]
    inputs[2] = inputs[2].contiguous(memory_format=torch.channels_last)
    parts = [naswot(made("activation", input=x)) for x in inputs]
    for part, x in zip(parts, inputs, strict=True):
        np.testing.assert_array_equal(part.numpy(), _kernel(x))
    expected = np.linalg.slogdet(sum(_kernel(x) for x in inputs))[1]
    assert _total(naswot, parts) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("count", [kernels._differing_bits, kernels._differing_signs])
def test_naswot_counts_exactly_on_every_device(monkeypatch: pytest.MonkeyPatch, count):
    monkeypatch.setattr(kernels, "_EXACT", 7)
    monkeypatch.setattr(kernels, "_differing_bits", count)
    x = noise(5, 3, 7, 11)
    np.testing.assert_array_equal(naswot(made("activation", input=x)).numpy(), _kernel(x))


def test_naswot_of_two_samples_with_the_same_pattern_is_missing():
    x = noise(5, 30)
    x[3] = x[1] * 2
    part = naswot(made("activation", input=x))
    assert _total(naswot, [part, part]) == -math.inf
    assert float(activation_pattern(made("activation", input=x))) == -math.inf


def test_naswot_of_a_broken_activation_is_missing():
    x = noise(5, 30)
    x[0, 0] = torch.nan
    assert not math.isfinite(_total(naswot, [naswot(made("activation", input=x))]))
    assert math.isnan(_total(linear_regions, [linear_regions(made("activation", input=x))]))


def test_hnas_naswot_is_the_determinant_of_the_sum_of_products_of_inputs():
    inputs = [noise(5, 3, 4, 4), noise(5, 6, seed=1)]
    parts = [hnas_naswot(made("activation", input=x)) for x in inputs]
    whole = sum(x.flatten(1).numpy() @ x.flatten(1).numpy().T for x in inputs)
    assert _total(hnas_naswot, parts) == pytest.approx(np.linalg.slogdet(whole)[1], rel=1e-12)


def test_activation_pattern_is_naswot_of_one_activation():
    x = noise(5, 30)
    expected = np.linalg.slogdet(_kernel(x))[1]
    assert float(activation_pattern(made("activation", input=x))) == pytest.approx(expected, rel=1e-12)


def test_the_kernel_of_an_activation_is_computed_once():
    node = made("activation", input=noise(5, 30))
    assert naswot(node) is linear_regions(node)


def test_linear_regions_are_the_different_patterns():
    first, second = noise(6, 2), noise(6, 3, seed=1)
    patterns = {tuple(row) for row in (torch.cat([first, second], 1) > 0).tolist()}
    parts = [linear_regions(made("activation", input=x)) for x in (first, second)]
    assert _total(linear_regions, parts) == len(patterns)
    alone = linear_regions(made("activation", input=torch.ones(6, 2)))
    assert _total(linear_regions, [alone]) == 1


def test_jacob_cov_scores_the_eigenvalues_of_the_correlation():
    gradient = noise(5, 3, 4, 4)
    v = np.linalg.eigvalsh(np.corrcoef(gradient.flatten(1).numpy())) + 1e-5
    part = jacob_cov(made("input", output_grad=gradient))
    assert _total(jacob_cov, [part]) == pytest.approx(-(np.log(v) + 1 / v).sum(), rel=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("gradient", [torch.zeros(4, 6), torch.full((4, 6), torch.nan), noise(1, 6)])
def test_jacob_cov_of_gradients_without_correlation_is_missing(gradient: Tensor):
    assert math.isnan(_total(jacob_cov, [jacob_cov(made("input", output_grad=gradient))]))


LAYERS: list[tuple[nn.Module, tuple[int, ...]]] = [
    (nn.Linear(5, 3), (4, 5)),
    (nn.Linear(5, 3, bias=False), (4, 5)),
    (nn.Linear(5, 3), (4, 7, 5)),
    (nn.Linear(40, 30), (4, 2, 40)),
    (nn.Linear(5, 3), (4, 2, 3, 5)),
    (nn.Conv2d(4, 6, 3, padding=1), (4, 4, 6, 5)),
    (nn.Conv2d(4, 6, 1, bias=False), (4, 4, 6, 5)),
    (nn.Conv2d(4, 6, 3, stride=2, dilation=2, groups=2, padding=(1, 2)), (4, 4, 9, 8)),
    (nn.Conv2d(4, 4, 3, groups=4), (4, 4, 6, 5)),
    (nn.Conv2d(4, 6, 3, padding="same", dilation=2), (4, 4, 6, 5)),
    (nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"), (4, 4, 6, 5)),
    (nn.Conv1d(4, 6, 3, stride=2), (4, 4, 9)),
    (nn.Conv3d(2, 4, 3, padding=1), (4, 2, 4, 5, 3)),
    (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1), (4, 4, 3, 4)),
    (nn.ConvTranspose1d(4, 6, 3, groups=2), (4, 4, 5)),
]


def _layer(layer: nn.Module, shape: tuple[int, ...]) -> tuple[Node, Tensor]:
    """Give a layer in the backward pass, and what autograd says of each sample's gradient."""
    layer = layer.double()
    inputs = noise(*shape)
    gradient = noise(*layer(inputs).shape, seed=1)
    rows = []
    for x, g in zip(inputs, gradient, strict=True):
        found = torch.autograd.grad((layer(x[None]) * g).sum(), list(layer.parameters()))
        rows.append(torch.cat([each.flatten() for each in found]))
    kind = "linear" if isinstance(layer, nn.Linear) else "conv"
    node = made(
        kind,
        module=layer,
        channel_dim=inputs.dim() - 1 if kind == "linear" else 1,
        input=inputs,
        output_grad=gradient,
        weight=layer.get_parameter("weight").detach(),
    )
    return node, torch.stack(rows)


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=[f"{each[0]}" for each in LAYERS])
def test_the_tangent_kernel_of_a_layer_is_that_of_its_samples_gradients(
    layer: nn.Module, shape: tuple[int, ...]
):
    node, rows = _layer(layer, shape)
    expected = rows @ rows.mT
    torch.testing.assert_close(ntk_trace(node), expected, rtol=1e-10, atol=1e-12)
    assert ntk_condition(node) is ntk_trace(node)


@pytest.mark.parametrize("at_once", [1, 2**22])
@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=[f"{each[0]}" for each in LAYERS])
def test_grad_sign_counts_how_far_samples_agree(
    monkeypatch: pytest.MonkeyPatch, layer: nn.Module, shape: tuple[int, ...], at_once: int
):
    monkeypatch.setattr(kernels, "_AT_ONCE", at_once)
    node, rows = _layer(layer, shape)
    weight = rows[:, : node.weight.numel()]
    assert float(grad_sign(node)) == float(weight.sign().sum(0).abs().sum())


def test_grad_sign_of_what_is_not_finite_is_missing():
    node, _ = _layer(nn.Linear(5, 3), (4, 5))
    node.tensors["output_grad"] = node.output_grad / 0
    assert grad_sign(node).isnan()


def test_trace_and_condition_number_are_of_the_sum_over_nodes():
    parts = [(lambda rows: rows @ rows.mT)(noise(4, 9, seed=seed)) for seed in (0, 1)]
    whole = sum(part.numpy() for part in parts)
    assert _total(ntk_trace, parts) == pytest.approx(np.sqrt(np.trace(whole) / 4), rel=1e-12)
    assert _total(ntk_condition, parts) == pytest.approx(np.linalg.cond(whole), rel=1e-9)


def test_a_singular_kernel_has_no_condition_number():
    rows = noise(4, 3)
    assert _total(ntk_condition, [rows @ rows.mT]) == math.inf
    assert _total(ntk_condition, [torch.zeros(4, 4)]) == math.inf
    assert math.isnan(_total(ntk_condition, [torch.full((4, 4), torch.nan)]))


def test_the_te_nas_kernel_is_that_of_the_rows():
    rows = noise(4, 30)
    part = te_nas_ntk(made("input", output_grad=rows))
    assert _total(te_nas_ntk, [part]) == pytest.approx(np.linalg.cond((rows @ rows.mT).numpy()), rel=1e-9)
