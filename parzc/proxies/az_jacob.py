"""AZ-NAS with independence of input gradients: the best label-free aggregate here."""

import numpy as np
from jaxtyping import Float

from parzc.aggregate import aggregate
from parzc.aggregations.az_rank import az_rank

__all__ = ["az_jacob"]


@aggregate("expressivity", "trainability", "jacob_cov", "live_flops")
def az_jacob(
    scores: Float[np.ndarray, "members architectures"],
    population: Float[np.ndarray, "members population"] | None = None,
) -> Float[np.ndarray, " architectures"]:
    r"""Non-linear rank aggregation of four proxies, none of which needs a label.

    .. math:: \sum_{k \in \{E, T, J, C\}} \log \frac{r_k}{m}

    E and T are AZ-NAS's `expressivity` and `trainability`, J is `jacob_cov` in the place of
    progressivity, C is `live_flops`, which leaves out what a cell contains but does not use; r is the
    rank among the m networks of the population, see `parzc.aggregations.az_rank`. Best on real images
    with `batch=64 block_inputs=noise`: `jacob_cov` is noisy with few samples, and E wants noise. For any
    network.

    Args:
        scores: Of the four, in this order; a missing one shares the last rank.
        population: Scores of the networks to rank among; the given ones by default.

    Returns:
        Higher is better, in nats, at most 0. Meaningful within one population only.

    Source:
        None: of the non-linear rank aggregates of two to four out of fifteen proxies, the one that
        ranked 592 cells of NAS-Bench-201 best by validation accuracy on CIFAR-10. The README's
        numbers are test accuracies of other cells.
    """
    return az_rank(scores, population)
