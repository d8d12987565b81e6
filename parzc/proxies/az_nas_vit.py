"""AZ-NAS for networks over tokens: without progressivity."""

import numpy as np
from jaxtyping import Float

from parzc.aggregate import aggregate
from parzc.aggregations.az_rank import az_rank

__all__ = ["az_nas_vit"]


@aggregate("expressivity", "trainability", "flops")
def az_nas_vit(
    scores: Float[np.ndarray, "members architectures"],
    population: Float[np.ndarray, "members population"] | None = None,
) -> Float[np.ndarray, " architectures"]:
    r"""AZ-NAS for networks over tokens: the same without progressivity.

    .. math:: \sum_{k \in \{E, T, C\}} \log \frac{r_k}{m}

    As `az_nas`, without progressivity: before training the entropy of token features falls with depth
    whatever the architecture. A table does not say for sure which kind of network it is of, and a
    population is of one kind, so the user says which by the name. Published with Gaussian noise
    for input in batches of 64, evaluation mode and weights cut from one shared network; here all of
    that is the user's.

    Args:
        scores: Of the three, in this order; a missing one shares the last rank.
        population: Scores of the networks to rank among; the given ones by default.

    Returns:
        Higher is better, in nats, at most 0. Meaningful within one population only.

    Source:
        Lee & Ham, CVPR 2024 (vision transformers). Compared with cvlab-yonsei/AZ-NAS. Deviations: those
        of the three and of `az_rank`; FLOPs are counted on the network, without attention products.
    """
    return az_rank(scores, population)
