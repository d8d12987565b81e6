"""The least variance of all scores."""

import numpy as np
from jaxtyping import Int

from parzc.acquisition import Pool, most_telling

__all__ = ["AverageVariance"]


class AverageVariance:
    """Choose the labels that leave the least posterior variance, averaged over the pool.

    The architecture that is itself least certain may tell nothing of the others; this one asks what all
    gain.

    Source:
        Cohn, Ghahramani & Jordan, JAIR 1996; for Gaussian processes Seo et al., IJCNN 2000 (ALC).
        Deviations: several labels at a time, chosen greedily by their joint covariance; the average is
        over the architectures that each of the pool stands for.
    """

    def __call__(self, pool: Pool, count: int, generator: np.random.Generator) -> Int[np.ndarray, " count"]:
        """Choose what to label next.

        Args:
            pool: Architectures without a target, and the predictor.
            count: How many, at most all.
            generator: For choices at random.

        Returns:
            Places in the pool, all different, the most wanted first.
        """
        return most_telling(pool.belief(), np.diag(pool.weights), count)
