"""The greatest distance: diversity without any belief."""

import numpy as np
from jaxtyping import Int
from scipy.spatial.distance import cdist

from parzc.acquisition import Pool

__all__ = ["KCenter"]


class KCenter:
    """Choose the architecture that is farthest from all with a label, and so on.

    Distances are those of the encoding's features; the predictor plays no part.

    Source:
        Gonzalez, Theoretical Computer Science 1985; for labels Sener & Savarese, ICLR 2018, of whose
        methods this is the greedy one.
    """

    def __call__(self, pool: Pool, count: int, generator: np.random.Generator) -> Int[np.ndarray, " count"]:
        """Choose; see `parzc.acquisitions.average_variance.AverageVariance.__call__`."""
        rows = pool.encoding.flat().double().numpy()
        distance = cdist(rows, pool.known.flat().double().numpy()).min(1)
        chosen: list[int] = []
        for _ in range(count):
            distance[chosen] = -1
            chosen.append(int(np.argmax(distance)))
            distance = np.minimum(distance, cdist(rows, rows[chosen[-1:]])[:, 0])
        return np.array(chosen, dtype=np.int64)
