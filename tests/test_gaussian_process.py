"""The Gaussian process and its prior."""

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct

from parzc.encoding import Encoding
from parzc.predictors.gaussian_process import GaussianProcess
from parzc.ranking import normal_scores

FEATURES = 3


def encoded(count: int, seed: int = 0) -> Encoding:
    random = torch.Generator().manual_seed(seed)
    return Encoding(torch.randn(count, 1, FEATURES, generator=random), torch.ones(count, 1) > 0)


def made(**options) -> GaussianProcess:
    return GaussianProcess(length=1, channels=FEATURES, **options)


def test_posterior_is_that_of_another_implementation() -> None:
    ours, known, new = made(mean="zero"), encoded(12), encoded(5, seed=1)
    targets = torch.arange(12.0) ** 2
    ours.condition(known, targets)
    variances = {name: value.exp().item() for name, value in ours.named_parameters() if value.ndim == 0}
    stray = ours.stray[0].exp().item() / FEATURES
    kernel = (
        ConstantKernel(variances["offset"])
        + ConstantKernel(stray) * DotProduct(1e-6, "fixed")
        + ConstantKernel(variances["curve"]) * RBF(FEATURES**0.5)
    )
    theirs = GaussianProcessRegressor(kernel, alpha=variances["noise"] + 1e-4, optimizer=None)
    theirs.fit(known.values[:, 0].numpy(), normal_scores(targets).numpy())
    mean, deviation = theirs.predict(new.values[:, 0].numpy(), return_std=True)
    np.testing.assert_allclose(ours(new)[0].detach(), mean, rtol=1e-4, atol=1e-5)
    spread = ours.sample(new, 20_000).std(0).detach()
    np.testing.assert_allclose(spread, deviation, rtol=0.05)


def test_covariance_is_the_prior_without_what_targets_tell() -> None:
    """The textbook's posterior covariance, from the prior's."""
    ours, known, new = made(), encoded(9), encoded(4, seed=1)
    both = Encoding(torch.cat([new.values, known.values]), torch.cat([new.mask, known.mask]))
    with torch.no_grad():
        ours.condition(known, torch.arange(9.0))
        posterior = ours.covariance(new).numpy()
        ours.inputs, ours.scores = ours.inputs[:0], ours.scores[:0]
        prior = ours.covariance(both).numpy()
    among = prior[4:, 4:] + ours.noise_variance * np.eye(9)
    expected = prior[:4, :4] - prior[:4, 4:] @ np.linalg.solve(among, prior[4:, :4])
    np.testing.assert_allclose(posterior, expected, rtol=1e-8, atol=1e-12)


def test_covariance_has_the_variance_of_the_draws() -> None:
    ours, known, new = made(), encoded(9), encoded(4, seed=1)
    with torch.no_grad():
        ours.condition(known, torch.arange(9.0))
        spread = ours.sample(new, 20_000).var(0)
        np.testing.assert_allclose(ours.covariance(new).diagonal(), spread, rtol=0.05)


def test_without_targets_the_last_feature_ranks_if_it_is_the_mean() -> None:
    new = encoded(20, seed=1)
    scores = made(mean="last")(new)[0].detach()
    assert scores.argsort().tolist() == new.values[:, 0, -1].argsort().tolist()


def test_likelihood_is_that_of_another_implementation() -> None:
    ours, known = made(mean="zero"), encoded(12)
    targets = torch.arange(12.0)
    theirs = torch.distributions.MultivariateNormal(
        torch.zeros(12, dtype=torch.float64), scale_tril=ours.noisy_factor(known.values[:, 0].double())
    ).log_prob(normal_scores(targets))
    constant = np.log(2 * np.pi) / 2
    assert ours.objective(known, targets).item() == pytest.approx(-theirs.item() / 12 - constant, rel=1e-5)


def test_nothing_known_leaves_the_prior_mean() -> None:
    ours, new = made(), encoded(6)
    with torch.no_grad():
        ours.slope[0] += 3
    order = (new.values[:, 0] @ torch.nn.functional.softplus(ours.slope.detach())).argsort()
    assert torch.equal(ours(new)[0].argsort(), order)


def test_no_feature_can_lower_the_prior_mean() -> None:
    ours = made()
    with torch.no_grad():
        ours.slope.sub_(20)
    better = Encoding(torch.ones(1, 1, FEATURES), torch.ones(1, 1) > 0)
    worse = Encoding(-torch.ones(1, 1, FEATURES), torch.ones(1, 1) > 0)
    assert ours(better).item() > ours(worse).item()


def test_more_targets_leave_less_doubt() -> None:
    ours, new, known = made(), encoded(6), encoded(20, seed=2)
    doubt = []
    for count in (2, 20):
        ours.condition(known[:count], torch.arange(float(count)))
        torch.manual_seed(0)
        doubt.append(ours.sample(new, 2000).std(0).mean().item())
    assert doubt[1] < doubt[0]


def test_only_the_order_of_targets_matters() -> None:
    ours, new, known = made(), encoded(6), encoded(10, seed=2)
    scores = []
    for targets in (torch.arange(10.0), torch.arange(10.0).exp()):
        ours.condition(known, targets)
        scores.append(ours(new))
    assert torch.equal(*scores)


def test_an_episode_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        made(episode=1)


def test_targets_are_placed_if_a_feature_says_where() -> None:
    known, targets = encoded(8), torch.arange(8.0)
    last, rising = made(mean="last"), made()
    last.condition(known, targets)
    rising.condition(known, targets)
    scores = normal_scores(targets)
    torch.testing.assert_close(rising.scores, scores)
    torch.testing.assert_close(last.scores, (scores + known.values[:, 0, -1].sort().values.double()) / 2)


def test_what_is_predicted_is_on_the_scale_of_normal_scores() -> None:
    """Placed or not, targets left out are predicted in their own unit."""
    known = encoded(40)
    targets = known.values[:, 0, -1]
    small = Encoding(known.values * 0.3, known.mask)  # all lie close together
    process = made(mean="last", start={"noise": -4.0})
    with torch.no_grad():
        process.condition(small, targets)
        means, deviations = process.left_out()
        mean, deviation = process(small)[0], process.deviation(small)
    assert process.width < 1
    slope = np.polyfit(means.numpy(), normal_scores(targets).numpy(), 1)[0]
    assert slope == pytest.approx(1, abs=0.2)
    assert mean.std().item() == pytest.approx(1, abs=0.15)
    assert (deviations.square() >= process.noise_variance).all()
    assert (deviation.square() >= process.noise_variance).all()


def test_files_from_before_targets_were_placed_are_read() -> None:
    before, known = made(mean="last"), encoded(6)
    before.condition(known, torch.arange(6.0))
    state = {name: value for name, value in before.state_dict().items() if name not in {"middle", "width"}}
    after = made(mean="last")
    after.condition(known, torch.arange(6.0))
    after.load_state_dict(state)
    assert after.middle == 0
    assert after.width == 1
    torch.testing.assert_close(after.scores, before.scores)
