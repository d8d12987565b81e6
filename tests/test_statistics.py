"""Statistics of weights, blocks and feature maps against closed forms."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from parzc.statistics.dss import dss
from parzc.statistics.expressivity import expressivity
from parzc.statistics.fisher import fisher
from parzc.statistics.grasp import grasp
from parzc.statistics.synflow_bn import synflow_bn
from parzc.statistics.trainability import trainability
from parzc.statistics.zen import zen
from parzc.statistics.zico import zico
from tests.nodes import made, noise

MAP, TOKENS, FLAT = (6, 5, 7, 4), (6, 11, 5), (40, 5)


def _entropy(feature: Tensor, channel_dim: int) -> float:
    rows = feature.movedim(channel_dim, -1).reshape(-1, feature.shape[channel_dim]).numpy()
    eigenvalues = np.linalg.eigvalsh(np.cov(rows, rowvar=False, ddof=0))
    share = eigenvalues.clip(0) / eigenvalues.clip(0).sum()
    return float(-(share * np.log(share + 1e-8)).sum())


@pytest.mark.parametrize(
    ("shape", "channel_dim"), [(MAP, 1), (TOKENS, 2), (FLAT, 1), ((6, 5, 9), 1), (MAP, 3)]
)
def test_expressivity_is_the_entropy_of_the_covariance_s_spectrum(shape: tuple[int, ...], channel_dim: int):
    feature = noise(*shape) * noise(*[n if d == channel_dim else 1 for d, n in enumerate(shape)], seed=1) + 3
    found = expressivity(made("block", channel_dim=channel_dim, output=feature))
    assert float(found) == pytest.approx(_entropy(feature, channel_dim), rel=1e-12)


def test_expressivity_does_not_depend_on_the_layout_in_memory():
    feature = noise(*MAP)
    turned = feature.contiguous(memory_format=torch.channels_last)
    assert float(expressivity(made("block", output=turned))) == pytest.approx(_entropy(feature, 1), rel=1e-12)


def test_expressivity_of_independent_channels_is_the_logarithm_of_their_number():
    feature = torch.cat([torch.eye(8), -torch.eye(8)]).double()
    assert float(expressivity(made("block", output=feature))) == pytest.approx(math.log(8), abs=1e-6)


def test_expressivity_of_one_direction_is_nothing():
    feature = noise(64, 1) * noise(1, 8, seed=1)
    assert float(expressivity(made("block", output=feature))) == pytest.approx(0, abs=1e-6)


def test_expressivity_in_single_precision_survives_a_large_mean():
    feature = noise(*MAP) + 1000
    single = expressivity(made("block", output=feature.float()))
    assert float(single) == pytest.approx(_entropy(feature, 1), rel=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.1, torch.nan, torch.inf])
def test_expressivity_of_a_constant_or_broken_feature_is_missing(value: float):
    feature = torch.full(MAP, value) + torch.arange(5.0).view(1, -1, 1, 1)
    assert expressivity(made("block", output=feature)).isnan()


def test_expressivity_without_compat_counts_eigenvalues_below_zero_as_zero():
    directions, weights = noise(3, 64, dtype=torch.float32), noise(500, 3, seed=1, dtype=torch.float32)
    feature = weights @ directions
    exact = _entropy(feature.double(), 1)
    assert float(expressivity(made("block", output=feature))) == pytest.approx(exact, abs=1e-4)


def test_expressivity_with_compat_keeps_the_precision():
    feature = noise(*MAP, dtype=torch.float32)
    found = expressivity(made("block", output=feature, original=True))
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(_entropy(feature.double(), 1), abs=1e-5)


def test_expressivity_with_compat_has_no_logarithm_of_a_negative_eigenvalue(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.linalg, "eigvalsh", lambda matrix: torch.tensor([-1e-6, 1.0, 2.0]))
    assert expressivity(made("block", output=noise(*FLAT), original=True)).isnan()
    assert expressivity(made("block", output=noise(*FLAT))).isfinite()


def _trainability(before: Tensor, after: Tensor) -> float:
    rows = [t.movedim(1, -1).reshape(-1, t.shape[1]).numpy() for t in (before, after)]
    sigma = np.linalg.svd(rows[0].T @ rows[1] / len(rows[1]), compute_uv=False)[0]
    return float(-sigma - 1 / (sigma + 1e-6) + 2)


def _block(before: Tensor, after: Tensor, channel_dim: int = 1) -> float:
    return float(trainability(made("block", channel_dim=channel_dim, input_grad=before, output_grad=after)))


@pytest.mark.parametrize("width", [3, 5, 8])
def test_trainability_knows_the_jacobian_s_largest_singular_value(width: int):
    before, after = noise(6, width, 7, 4), noise(*MAP, seed=1).sign()
    assert _block(before, after) == pytest.approx(_trainability(before, after), rel=1e-12)
    turned = before.contiguous(memory_format=torch.channels_last)
    assert _block(turned, after) == pytest.approx(_trainability(before, after), rel=1e-12)


def test_trainability_over_tokens():
    before, after = noise(6, 11, 8), noise(*TOKENS, seed=1).sign()
    assert _block(before, after, 2) == pytest.approx(_trainability(before.mT, after.mT), rel=1e-12)


def test_trainability_stacks_the_positions_that_a_block_joins():
    before, after = noise(6, 3, 8, 12), noise(6, 5, 4, 6, seed=1).sign()
    expected = _trainability(F.pixel_unshuffle(before, 2), after)
    assert _block(before, after) == pytest.approx(expected, rel=1e-12)
    last = _block(before.movedim(1, -1), after.movedim(1, -1), 3)
    assert last == pytest.approx(expected, rel=1e-12)


def test_trainability_in_one_dimension():
    before, after = noise(6, 3, 8), noise(6, 5, 4, seed=1).sign()
    stacked = before.unflatten(2, (4, 2)).permute(0, 1, 3, 2).flatten(1, 2)
    assert _block(before, after) == pytest.approx(_trainability(stacked, after), rel=1e-12)


def test_trainability_of_an_identity_is_missing():
    after = noise(*MAP).sign()
    assert _block(after.clone(), after) == -math.inf
    tokens = noise(*TOKENS).sign()
    assert math.isnan(_block(tokens.clone(), tokens, 2))


def test_trainability_of_a_block_that_ignores_its_input():
    assert _block(torch.zeros(MAP), torch.ones(MAP)) == -999998.0


@pytest.mark.parametrize(
    ("before", "after", "channel_dim"),
    [((6, 3, 7, 7), (6, 3, 3, 3), 1), ((6, 8, 5), (6, 4, 5), 2), ((6, 3, 2, 2), (6, 3, 4, 4), 1)],
)
def test_trainability_is_missing_where_sizes_do_not_fit(
    before: tuple[int, ...], after: tuple[int, ...], channel_dim: int
):
    assert math.isnan(_block(noise(*before), noise(*after).sign(), channel_dim))


def test_trainability_of_a_broken_gradient_is_missing():
    assert math.isnan(_block(torch.full(MAP, torch.nan), torch.ones(MAP)))


def test_zico_divides_the_mean_by_the_standard_deviation_over_both_batches():
    first, second = noise(4, 3), noise(4, 3, seed=1)
    second[0, 0] = first[0, 0]
    gradients = np.stack([first.numpy(), second.numpy()])
    mean, deviation = np.abs(gradients).mean(0), gradients.std(0)
    expected = np.log((mean / np.where(deviation > 0, deviation, np.inf)).sum())
    found = zico(made("conv", other_grad=first, weight_grad=second))
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_zico_of_a_node_whose_gradients_are_the_same_is_missing():
    zero = torch.zeros(4, 3)
    assert float(zico(made("conv", other_grad=zero, weight_grad=zero))) == -math.inf
    assert zico(made("conv", other_grad=zero / 0, weight_grad=zero)).isnan()


def test_grasp_and_synflow_multiply_weight_and_gradient():
    weight, gradient = torch.tensor([[1.0, -2.0]]), torch.tensor([[3.0, 5.0]])
    assert float(grasp(made("linear", weight=weight, weight_grad=gradient))) == 7
    assert float(synflow_bn(made("linear", weight=weight, weight_grad=gradient))) == 13


def test_zen_of_a_feature_map_is_the_logarithm_of_the_mean_absolute_change():
    first, second = noise(4, 3, 2, 2), noise(4, 3, 2, 2, seed=1)
    expected = np.log(np.abs(first.numpy() - second.numpy()).sum((1, 2, 3)).mean())
    assert float(zen(made("map", input=first, output=second))) == pytest.approx(expected)
    assert float(zen(made("map", input=first, output=first))) == -math.inf


def test_zen_of_a_normalisation_is_the_logarithm_of_its_standard_deviation():
    assert float(zen(made("norm", output=torch.tensor([1.0, 7.0])))) == pytest.approx(math.log(2))


def test_dss_multiplies_nuclear_norms_in_attention_only():
    weight, gradient = noise(4, 3), noise(4, 3, seed=1)
    tensors = {"weight": weight, "weight_grad": gradient}
    nuclear = np.linalg.norm(weight.numpy(), "nuc") * np.linalg.norm(gradient.numpy(), "nuc")
    assert float(dss(made("linear", in_attention=True, **tensors))) == pytest.approx(nuclear)
    plain = float((weight * gradient).abs().sum())
    assert float(dss(made("linear", **tensors))) == pytest.approx(plain)
    assert dss(made("linear", in_attention=True, weight=weight, weight_grad=gradient / 0)).isnan()


def test_fisher_with_compat_has_the_fan_in_and_takes_tokens_for_channels():
    output, gradient, weight = noise(*TOKENS), noise(*TOKENS, seed=1), noise(5, 9)
    tokens = (output * gradient).sum(2).square().mean(0).sum() / 2 * 9
    node = made("linear", channel_dim=2, original=True, output=output, output_grad=gradient, weight=weight)
    assert float(fisher(node)) == pytest.approx(float(tokens))
