"""The fewest pairs in doubt."""

import numpy as np
from jaxtyping import Float, Int

from parzc.acquisition import Belief, Pool, most_telling

__all__ = ["DoubtfulPairs"]

_LEAST_VARIANCE = 1e-6


class DoubtfulPairs:
    r"""Choose the labels that tell most about which of two architectures is better, where that is in doubt.

    Only the order counts for Kendall's tau: the variance of a difference of scores :math:`d \sim N(m,
    s^2)` costs nothing where its sign is certain. Over all pairs the mean of that variance is reduced, each
    weighted by the density :math:`e^{-m^2 / 2 s^2} / s` of a tie.

    Source:
        None: a form of `average_variance` for rankings.
    """

    def __call__(self, pool: Pool, count: int, generator: np.random.Generator) -> Int[np.ndarray, " count"]:
        """Choose; see `parzc.acquisitions.average_variance.AverageVariance.__call__`."""
        belief = pool.belief()
        doubt = _doubt(belief) * np.outer(pool.weights, pool.weights)
        # the quadratic form of a sum over pairs of squared differences
        return most_telling(belief, np.diag(doubt.sum(0)) - doubt, count)


def _doubt(belief: Belief) -> Float[np.ndarray, "pool pool"]:
    variance = belief.covariance.diagonal()
    of_pair = (variance[:, None] + variance - 2 * belief.covariance).clip(min=_LEAST_VARIANCE)
    difference = belief.mean[:, None] - belief.mean
    density: Float[np.ndarray, "pool pool"] = np.exp(-(difference**2) / (2 * of_pair)) / np.sqrt(of_pair)
    np.fill_diagonal(density, 0)
    return density
