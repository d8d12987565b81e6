"""The process that starts from a training-free proxy."""

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern

from parzc.encoding import Encoding
from parzc.predictors.proxy_prior import ProxyPrior
from parzc.ranking import normal_scores

FEATURES = 8


def encoded(count: int, seed: int = 0) -> Encoding:
    random = torch.Generator().manual_seed(seed)
    return Encoding(torch.randn(count, 1, FEATURES, generator=random), torch.ones(count, 1) > 0)


def made(**options) -> ProxyPrior:
    return ProxyPrior(length=1, channels=FEATURES, **{"rivals": 3, **options})


def tau(scores: torch.Tensor, truth: torch.Tensor) -> float:
    return float(kendalltau(scores.numpy(), truth.numpy()).statistic)


def test_posterior_is_that_of_kernels_of_another_implementation() -> None:
    ours, known, new = made(), encoded(30), encoded(6, seed=1)
    targets = known.values[:, 0, -1] + known.values[:, 0, 0].square()
    ours.condition(known, targets)
    kernel = (
        ConstantKernel(0.02)
        + ConstantKernel(ours.linear.exp().item() / 3) * DotProduct(1e-6, "fixed")
        + ConstantKernel(ours.curve.exp().item()) * Matern(1.0, nu=1.5)
    )
    scale = (ours.scales.exp() * FEATURES**0.5).numpy()

    def covariance(a: Encoding, b: Encoding) -> np.ndarray:
        x, y = (part.values[:, 0].double().numpy() for part in (a, b))
        return kernel.k1(x[:, -3:], y[:, -3:]) + kernel.k2(x / scale, y / scale)

    noise = ours.noise_variance * ours.width.item() ** 2
    noisy = covariance(known, known) + noise * np.eye(30)
    rest = ours.scores.numpy() - ours.mean_of(known.values[:, 0].double()).numpy()
    means = ours.mean_of(new.values[:, 0].double()).numpy()
    expected = means + covariance(new, known) @ np.linalg.solve(noisy, rest)
    expected = (expected - ours.middle.item()) / ours.width.item()
    np.testing.assert_allclose(ours(new)[0].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_few_targets_are_placed_where_the_last_proxy_says() -> None:
    known = encoded(8)
    targets = torch.tensor([0.1, 0.2, 0.3, 0.3, 0.5, 0.6, 0.7, 0.8])
    proxy, scores = known.values[:, 0, -1].double(), normal_scores(targets)
    process = made()
    process.condition(known, targets)
    in_order = proxy.sort().values
    in_order[2:4] = in_order[2:4].mean()  # equal targets
    placed = (scores + in_order) / 2
    torch.testing.assert_close(process.scores, placed)
    torch.testing.assert_close((placed - process.middle).std() / process.width, scores.std())


def test_equal_targets_are_placed_nowhere() -> None:
    known, process = encoded(5), made()
    process.condition(known, torch.ones(5))
    assert process.middle == 0
    assert process.width == 1


def test_eight_targets_of_good_ones_do_not_contradict_the_proxy() -> None:
    every = encoded(400)
    features = every.values[:, 0]
    truth = features[:, -1] + 0.3 * features[:, 0]
    good = truth.argsort()[-100:]
    placed, left = [], []
    for seed in range(12):
        chosen = good[torch.randperm(100, generator=torch.Generator().manual_seed(seed))[:8]]
        for found, process in ((placed, made()), (left, _Unplaced(length=1, channels=FEATURES, rivals=3))):
            process.condition(every[chosen], truth[chosen])
            found.append(tau(process(every)[0], truth))
    assert np.mean(placed) > np.mean(left) + 0.01
    assert min(placed) > min(left)


class _Unplaced(ProxyPrior):
    def place_of(self, x: torch.Tensor) -> None:
        """Take normal scores as they are."""


def test_before_any_target_the_last_proxy_speaks() -> None:
    new = encoded(20)
    assert tau(made()(new)[0], new.values[:, 0, -1]) == 1


def test_targets_find_the_proxy_that_they_follow() -> None:
    known, new = encoded(15), encoded(100, seed=1)
    process = made()
    process.condition(known, known.values[:, 0, -3])
    assert process.belief.argmax() == 0
    assert tau(process(new)[0], new.values[:, 0, -3]) > 0.85


def test_two_targets_do_not_unseat_the_last_proxy() -> None:
    process = made()
    known = Encoding(
        torch.tensor([[[0.0] * 5 + [1.0, 0, 0]], [[0.0] * 5 + [-1.0, 0, 0]]]), torch.ones(2, 1) > 0
    )
    process.condition(known, torch.tensor([1.0, 0.0]))
    assert process.belief[-1] > 0.9


def test_features_that_matter_get_a_shorter_scale() -> None:
    process, known = made(), encoded(200)
    process.condition(known, (2 * known.values[:, 0, 1]).sin())
    assert process.scales.argmin() == 1


def test_left_out_is_what_the_others_say() -> None:
    process, known = made(), encoded(12)
    targets = torch.arange(12.0)
    process.condition(known, targets)
    unseen, deviations = process.left_out()
    process.inputs, process.scores, process._known = process.inputs[1:], process.scores[1:], None
    torch.testing.assert_close(process(known[:1])[0, 0].double(), unseen[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(process.deviation(known[:1])[0], deviations[0], rtol=1e-4, atol=1e-4)


def test_it_is_the_same_after_loading() -> None:
    process, new = made(), encoded(9, seed=1)
    process.condition(encoded(12), torch.arange(12.0))
    again = ProxyPrior(**process.configuration())
    again.load_state_dict(process.state_dict())
    assert torch.equal(again(new), process(new))


@pytest.mark.parametrize("count", [1, 2])
def test_very_few_targets_are_enough(count) -> None:
    process = made()
    process.condition(encoded(count), torch.arange(float(count)))
    assert bool(process(encoded(4)).isfinite().all())
