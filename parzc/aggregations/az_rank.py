"""Non-linear rank aggregation."""

import numpy as np
from jaxtyping import Float

from parzc.ranking import ranks

__all__ = ["az_rank"]


def az_rank(
    scores: Float[np.ndarray, "members architectures"],
    population: Float[np.ndarray, "members population"] | None = None,
) -> Float[np.ndarray, " architectures"]:
    r"""Sum of the logarithms of relative ranks.

    .. math:: \sum_k \log \frac{r_k}{m}

    r is the rank of an architecture by member k among the m of the population, from 1 for the worst to
    m for the best; equal scores share the mean of their ranks. The logarithm lets one bad
    rank outweigh several good ones.

    Args:
        scores: Scores of the members, higher is better; a missing one (NaN) shares the last rank
            with those at `-inf`.
        population: Scores of the architectures to rank among; the given architectures by default.

    Returns:
        Higher is better, in nats: 0 for an architecture that is the best by every member, `-log(m)`
        for each member by which it is the worst. Meaningful within one population only.

    Source:
        Lee & Ham, CVPR 2024 (non-linear ranking aggregation). Compared with cvlab-yonsei/AZ-NAS.
        Deviations: NaN is mapped to `-inf` here and not by each proxy (a single one would otherwise
        make a member's ranks NaN for all); an architecture outside the population can be ranked
        among it.
    """
    among = scores if population is None else population
    logs = np.log(ranks(scores, among) / among.shape[1])
    return np.asarray(logs.sum(axis=0))
