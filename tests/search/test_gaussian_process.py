"""A Gaussian process that starts from a proxy."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from parzc.searching.gaussian_process import ArchitectureProcess, Belief, typical_distance

GENERATOR = np.random.default_rng(0)
FEATURES = GENERATOR.normal(size=(40, 3))
EXPECTED = GENERATOR.normal(size=40)
ROWS = np.array([3, 7, 20, 31])
VALUES = np.array([0.5, -1.0, 2.0, 0.1])


def process(noise: float = 0.1, draws: np.ndarray | None = None) -> ArchitectureProcess:
    return ArchitectureProcess(EXPECTED, [FEATURES, FEATURES[:, :1]], noise=noise, draws=draws)


def alike(features: np.ndarray) -> np.ndarray:
    distance = np.sqrt(5) * np.linalg.norm(features[:, None] - features[None], axis=2)
    return np.asarray((1 + distance + distance**2 / 3) * np.exp(-distance))


def textbook() -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Write all processes down in full: logarithm of the evidence, mean and covariance."""
    found = []
    for variance in (0.3, 1.0, 3.0):
        for slope in (0.1, 0.3, 0.6, 1.0):
            prior = variance * (alike(FEATURES) + alike(FEATURES[:, :1])) / 2 + 9
            known = prior[np.ix_(ROWS, ROWS)] + 0.01 * np.eye(4)
            weights = prior[:, ROWS] @ np.linalg.inv(known)
            evidence = multivariate_normal(slope * EXPECTED[ROWS], known).logpdf(VALUES)
            mean = slope * EXPECTED + weights @ (VALUES - slope * EXPECTED[ROWS])
            found.append((float(evidence), mean, prior - weights @ prior[ROWS]))
    return found


def test_beliefs_are_those_of_the_textbook() -> None:
    beliefs = process().beliefs(ROWS, VALUES)
    expected = textbook()
    total = sum(np.exp(evidence) for evidence, _, _ in expected)
    probable = [each for each in expected if np.exp(each[0]) > 0.001 * total]
    rest = sum(np.exp(evidence) for evidence, _, _ in probable)
    assert len(beliefs) == len(probable) > 1
    for belief, (evidence, mean, covariance) in zip(beliefs, probable, strict=True):
        assert belief.weight == pytest.approx(np.exp(evidence) / rest)
        np.testing.assert_allclose(belief.mean, mean, rtol=1e-7)
        np.testing.assert_allclose(belief.deviation**2, np.diag(covariance), rtol=1e-6, atol=1e-8)


def test_a_proxy_that_tells_is_believed() -> None:
    rows = np.arange(12)
    true, false = (process().beliefs(rows, sign * EXPECTED[rows]) for sign in (1, -1))
    assert slope(true) > slope(false) + 0.3


def slope(beliefs: list[Belief]) -> float:
    """How much the mean follows the proxy among architectures that nothing is known of."""
    return float(np.polyfit(EXPECTED[12:], mean_of(beliefs)[12:], 1)[0])


def mean_of(beliefs: list[Belief]) -> np.ndarray:
    return np.asarray(np.sum([belief.weight * belief.mean for belief in beliefs], axis=0))


def test_draws_have_the_mean_and_covariance_of_the_posterior() -> None:
    among = np.array([0, 1, 2, 7])
    gp, generator = process(), np.random.default_rng(1)
    draws = np.stack([gp.draw(ROWS, VALUES, among, generator) for _ in range(4000)])
    expected = textbook()
    weights = np.exp([evidence for evidence, _, _ in expected])
    weights /= weights.sum()
    means = np.stack([mean[among] for _, mean, _ in expected])
    mean = weights @ means
    within = np.einsum("k,kij->ij", weights, [part[np.ix_(among, among)] for _, _, part in expected])
    between = (weights[:, None] * (means - mean)).T @ (means - mean)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.08)
    np.testing.assert_allclose(np.cov(draws.T), within + between, atol=0.1)


def test_it_varies_as_an_uncertain_proxy_does() -> None:
    draws = np.zeros((40, 6))
    draws[[0, 3]] = np.array([[1.0], [1.0]]) * np.array([3, -3, 2, -2, 4, -4])
    rows, values = np.array([3, 20]), np.array([EXPECTED[3] + 3, EXPECTED[20]])
    with_draws, without = (mean_of(process(draws=each).beliefs(rows, values)) for each in (draws, None))
    assert with_draws[0] > without[0] + 0.3  # moves together with what was told, in the draws
    assert with_draws[0] - without[0] > with_draws[5] - without[5] + 0.3  # does not


def test_typical_distance_is_the_median() -> None:
    points = np.array([[0.0], [1.0], [3.0]])
    assert typical_distance(points, np.random.default_rng(0)) == pytest.approx(2.0)
    assert typical_distance(np.ones((5, 2)), np.random.default_rng(0)) == 1.0
