"""AZ-NAS: four training-free proxies by non-linear rank aggregation."""

import numpy as np
from jaxtyping import Float

from parzc.aggregate import aggregate
from parzc.aggregations.az_rank import az_rank

__all__ = ["az_nas"]


@aggregate("expressivity", "progressivity", "trainability", "flops")
def az_nas(
    scores: Float[np.ndarray, "members architectures"],
    population: Float[np.ndarray, "members population"] | None = None,
) -> Float[np.ndarray, " architectures"]:
    r"""AZ-NAS: four proxies joined by the logarithms of their ranks.

    .. math:: \sum_{k \in \{E, P, T, C\}} \log \frac{r_k}{m}

    E, P and T are the proxies `expressivity`, `progressivity` and `trainability`, C is the complexity
    `flops`; r is the rank among the m networks of the population, see
    `parzc.aggregations.az_rank`. For convolutional networks; for networks over tokens use
    `az_nas_vit`, which leaves out progressivity. Published with Gaussian noise for input in batches of 64,
    Kaiming initialisation and training mode; here the input and the initialisation are the user's.

    Args:
        scores: Of the four, in this order; a missing one shares the last rank.
        population: Scores of the networks to rank among; the given ones by default.

    Returns:
        Higher is better, in nats, at most 0. Meaningful within one population only.

    Source:
        Lee & Ham, CVPR 2024. Compared with cvlab-yonsei/AZ-NAS. Deviations: those of the four and of
        `az_rank`; FLOPs are counted on the network, where the original takes them from the benchmark.
    """
    return az_rank(scores, population)
