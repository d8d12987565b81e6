"""Bayesian optimisation in a box: a Gaussian process proposes the next point."""

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

__all__ = ["Acquisition", "propose"]

Acquisition = Literal["expected_improvement", "upper_confidence"]

_RANDOM_POINTS = 10_000
_NEAR = 0.02
"""Standard deviation of the points near the best random one, as a share of the box."""

_CONFIDENCE = 2.576
"""Standard deviations of the upper confidence bound: 99 % of a Gaussian lie within so many."""


def propose(
    points: Float[np.ndarray, "seen dimensions"],
    values: Float[np.ndarray, " seen"],
    bounds: Sequence[tuple[float, float]],
    acquisition: Acquisition,
    generator: np.random.Generator,
) -> Float[np.ndarray, " dimensions"]:
    """Propose where to look next.

    Args:
        points: Where values are known.
        values: The values; higher is better.
        bounds: Least and most of each coordinate.
        acquisition: What to maximise.
        generator: Of the random points and of the fit.

    Returns:
        The point within the bounds with the highest acquisition, or a random one if no value is known.

    Source:
        The settings of the public code of HNAS and RoBoT: Matérn 5/2, noise 1e-6, 10,000 random points.
        Deviation: the best of them is improved by as many points near it, not by gradients.
    """
    low, high = np.array(bounds).T
    if not len(points):
        return np.asarray(generator.uniform(low, high))
    process = _fit(points, values, generator)
    uniform = generator.uniform(low, high, (_RANDOM_POINTS, len(low)))
    start = _best(process, uniform, values.max(), acquisition)
    near = start + _NEAR * (high - low) * generator.standard_normal(uniform.shape)
    return _best(process, np.concatenate([start[None], near.clip(low, high)]), values.max(), acquisition)


def _best(
    process: GaussianProcessRegressor, points: np.ndarray, highest: float, acquisition: Acquisition
) -> Float[np.ndarray, " dimensions"]:
    mean, deviation = process.predict(points, return_std=True)
    if acquisition == "upper_confidence":
        gain = mean + _CONFIDENCE * deviation
    else:
        standard = (mean - highest) / np.maximum(deviation, 1e-12)
        gain = (mean - highest) * norm.cdf(standard) + deviation * norm.pdf(standard)
    return np.asarray(points[int(np.argmax(gain))])


def _fit(points: np.ndarray, values: np.ndarray, generator: np.random.Generator) -> GaussianProcessRegressor:
    process = GaussianProcessRegressor(
        Matern(nu=2.5),
        alpha=1e-6,
        normalize_y=True,
        n_restarts_optimizer=5,
        random_state=int(generator.integers(2**31)),
    )
    with warnings.catch_warnings():
        # Few or equal values say nothing about the length scale, which then ends at a bound: no harm.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return process.fit(points, values)
