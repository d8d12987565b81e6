"""Bayesian layers against closed forms and torch.distributions."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from parzc.bayesian import BayesianLinear, MemberLinear, divergence, weight_draws


def layer(**options: float) -> BayesianLinear:
    torch.manual_seed(0)
    return BayesianLinear(2, 3, 4, **options)


def test_divergence_agrees_with_torch() -> None:
    made = layer(prior_scale=0.7, initial_scale=0.3)
    prior = Normal(0.0, made.prior_deviation)
    expected = kl_divergence(Normal(made.mu, made.deviation), prior).sum()
    torch.testing.assert_close(made.divergence(), expected)


def test_divergence_of_the_prior_is_zero() -> None:
    made = layer(initial_scale=1.0)
    torch.nn.init.zeros_(made.mu)
    assert float(made.divergence().detach()) == pytest.approx(0, abs=1e-5)


def test_divergence_sums_over_layers() -> None:
    network = torch.nn.Sequential(layer(), layer())
    torch.testing.assert_close(divergence(network), 2 * layer().divergence())


def test_divergence_without_bayesian_layers_is_zero() -> None:
    assert float(divergence(torch.nn.Linear(2, 2))) == 0


def test_initial_scale_is_in_units_of_the_prior() -> None:
    made = layer(prior_scale=2.0, initial_scale=0.1)
    torch.testing.assert_close(made.deviation, torch.full_like(made.mu, 0.1 * made.prior_deviation))


def test_local_reparameterisation_has_the_moments_of_sampled_weights() -> None:
    made = layer(initial_scale=1.0)
    x = torch.tensor([[1.0, -2.0, 0.5]]).expand(2, 20_000, 3)
    outputs = made(x)
    variance = (x[:, :1].square() @ made.deviation.square()).squeeze(1)
    mean = (x[:, :1] @ made.mu).squeeze(1)
    torch.testing.assert_close(outputs.mean(1), mean, atol=0.05, rtol=0)
    torch.testing.assert_close(outputs.var(1), variance, atol=0, rtol=0.05)


def test_evaluation_uses_the_mean() -> None:
    made = layer().eval()
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(made(x), x @ made.mu)


def test_members_are_independent_layers() -> None:
    torch.manual_seed(0)
    made = MemberLinear(2, 3, 4)
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(made(x)[1], x[1] @ made.weight[1] + made.bias[1])


def test_a_weight_draw_is_held_for_all_rows_and_then_dropped() -> None:
    made = layer(initial_scale=1.0).eval()
    x = torch.ones(2, 5, 3)
    with weight_draws(made):
        first, second = made(x), made(x)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(first[:, 0], first[:, 4], rtol=0, atol=0)
    assert not torch.equal(first, made(x))


def test_zero_rows_have_a_finite_gradient() -> None:
    made = layer()
    x = torch.zeros(2, 5, 3, requires_grad=True)
    made(x).sum().backward()
    assert bool(made.rho.grad.isfinite().all())


@pytest.mark.parametrize("option", ["prior_scale", "initial_scale"])
def test_scales_have_to_be_positive(option) -> None:
    with pytest.raises(ValueError, match="should be positive"):
        layer(**{option: 0.0})
