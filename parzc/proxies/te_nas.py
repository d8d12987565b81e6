"""TE-NAS: trainability and expressivity by the sum of ranks."""

import numpy as np
from jaxtyping import Float

from parzc.aggregate import aggregate
from parzc.aggregations.rank_sum import rank_sum

__all__ = ["te_nas"]


@aggregate("te_nas_ntk", "linear_regions")
def te_nas(
    scores: Float[np.ndarray, "members architectures"],
    population: Float[np.ndarray, "members population"] | None = None,
) -> Float[np.ndarray, " architectures"]:
    r"""TE-NAS: the kernel's condition and linear regions by sum of ranks.

    .. math:: r_{\kappa} + r_{R}

    The members are the proxies `te_nas_ntk`, minus the condition number of the neural tangent kernel, and
    `linear_regions`, the number of activation patterns; r is the rank among the networks of the
    population, 1 for the worst, see `parzc.aggregations.rank_sum`. Input, initialisation and mode:
    those of the two.

    Args:
        scores: Of the two, in this order; a missing one shares the last rank.
        population: Scores of the networks to rank among; the given ones by default.

    Returns:
        Higher is better: from 2 to twice the size of the population. Meaningful within one population
        only.

    Source:
        Chen, Gong & Wang, ICLR 2021. Compared with the description of the copy in cvlab-yonsei/AZ-NAS.
        Deviations: those of the two and of `rank_sum`; the original prunes one network that holds all
        operations by the changes of its two ranks, while this scores finished networks.
    """
    return rank_sum(scores, population)
