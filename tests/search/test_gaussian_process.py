"""A Gaussian process that starts from a proxy."""

import numpy as np
import pytest

from parzc.searching.gaussian_process import ArchitectureProcess, typical_distance

GENERATOR = np.random.default_rng(0)
FEATURES = GENERATOR.normal(size=(40, 3))
EXPECTED = GENERATOR.normal(size=40)
ROWS = np.array([3, 7, 20, 31])
VALUES = np.array([0.5, -1.0, 2.0, 0.1])


def process(noise: float = 0.1, length: float = 1.0, draws: np.ndarray | None = None) -> ArchitectureProcess:
    return ArchitectureProcess(EXPECTED, FEATURES, length=length, noise=noise, draws=draws)


def covariance(length: float = 1.0) -> np.ndarray:
    """Write the model down in full."""
    distance = np.sqrt(5) * np.linalg.norm(FEATURES[:, None] - FEATURES[None], axis=2) / length
    alike = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return alike + 4 + 0.25 * np.outer(EXPECTED, EXPECTED)


def test_posterior_is_that_of_the_textbook() -> None:
    prior = covariance()
    known = prior[np.ix_(ROWS, ROWS)] + 0.01 * np.eye(4)
    weights = prior[:, ROWS] @ np.linalg.inv(known)
    mean, deviation = process().posterior(ROWS, VALUES)
    np.testing.assert_allclose(mean, EXPECTED + weights @ (VALUES - EXPECTED[ROWS]), rtol=1e-8)
    np.testing.assert_allclose(deviation**2, np.diag(prior - weights @ prior[ROWS]), rtol=1e-6, atol=1e-8)


def test_nothing_known_is_the_proxy() -> None:
    nothing = np.array([], dtype=np.int64), np.array([])
    mean, deviation = process().posterior(*nothing)
    np.testing.assert_array_equal(mean, EXPECTED)
    np.testing.assert_allclose(deviation**2, np.diag(covariance()))


def test_draws_have_the_mean_and_covariance_of_the_posterior() -> None:
    among = np.array([0, 1, 2, 7])
    gp, generator = process(), np.random.default_rng(1)
    draws = np.stack([gp.draw(ROWS, VALUES, among, generator) for _ in range(4000)])
    mean, deviation = gp.posterior(ROWS, VALUES)
    np.testing.assert_allclose(draws.mean(axis=0), mean[among], atol=0.08)
    np.testing.assert_allclose(draws.std(axis=0), deviation[among], rtol=0.06, atol=0.01)
    assert abs(np.corrcoef(draws.T)[0, 1]) > 0.05


def test_it_varies_as_an_uncertain_proxy_does() -> None:
    draws = np.zeros((40, 6))
    draws[[0, 3]] = np.array([[1.0], [1.0]]) * np.array([3, -3, 2, -2, 4, -4])
    far = np.array([3]), np.array([EXPECTED[3] + 3])
    with_draws, without = process(draws=draws).posterior(*far)[0], process().posterior(*far)[0]
    assert with_draws[0] > without[0] + 0.5  # moves together with what was told, in the draws
    assert with_draws[5] < without[5]  # does not


def test_typical_distance_is_the_median() -> None:
    points = np.array([[0.0], [1.0], [3.0]])
    assert typical_distance(points, np.random.default_rng(0)) == pytest.approx(2.0)
    assert typical_distance(np.ones((5, 2)), np.random.default_rng(0)) == 1.0
