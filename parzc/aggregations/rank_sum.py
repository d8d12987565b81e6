"""Linear rank aggregation."""

import numpy as np
from jaxtyping import Float

from parzc.ranking import ranks

__all__ = ["rank_sum"]


def rank_sum(
    scores: Float[np.ndarray, "members architectures"],
    population: Float[np.ndarray, "members population"] | None = None,
) -> Float[np.ndarray, " architectures"]:
    r"""Sum of ranks.

    .. math:: \sum_k r_k

    r is the rank of an architecture by member k among the population, from 1 for the worst; equal scores
    share the mean of their ranks.

    Args:
        scores: Scores of the members, higher is better; a missing one (NaN) shares the last rank
            with those at `-inf`.
        population: Scores of the architectures to rank among; the given architectures by default.

    Returns:
        Higher is better: from the number of members to that times the size of the population.
        Meaningful within one population only.

    Source:
        Chen, Gong & Wang, ICLR 2021 (TE-NAS), of two members; the linear aggregation that Lee & Ham,
        CVPR 2024, compare theirs with. Compared with cvlab-yonsei/AZ-NAS. Deviations: NaN is last; an
        architecture outside the population can be ranked among it.
    """
    among = scores if population is None else population
    return np.asarray(ranks(scores, among).sum(axis=0))
