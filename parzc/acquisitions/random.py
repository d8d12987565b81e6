"""A random choice: what every other has to beat."""

import numpy as np
from jaxtyping import Int

from parzc.acquisition import Pool

__all__ = ["Random"]


class Random:
    """Choose as random labels would, an architecture that stands for many more often."""

    def __call__(self, pool: Pool, count: int, generator: np.random.Generator) -> Int[np.ndarray, " count"]:
        """Choose; see `parzc.acquisitions.average_variance.AverageVariance.__call__`."""
        share = pool.weights / pool.weights.sum()
        return generator.choice(len(share), count, replace=False, p=share)
