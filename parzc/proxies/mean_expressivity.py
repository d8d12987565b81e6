"""AZ-NAS expressivity of a block, on average."""

import math

import numpy as np
from jaxtyping import Float

from parzc.probing.stack import Stack
from parzc.probing.table import Table
from parzc.training_free import block_values, blocks_together, formula, or_last

__all__ = ["mean_expressivity"]


@formula("expressivity")
def mean_expressivity(table: Table) -> float:
    r"""Mean of the entropies of the spectra of the feature maps' covariances.

    .. math:: \frac{1}{L} \sum_l s_l

    s is the entropy of `parzc.proxies.expressivity`, with which it shares node value, input, initialisation,
    mode and dtype; aggregated by the mean over the feature taps, so that depth alone does not raise it.

    Returns:
        A number in nats; higher is better. Grows with width. Minus infinity where a block's value is
        missing; NaN for a network without blocks.

    Source:
        The mean in the place of the sum of Lee & Ham, CVPR 2024. Deviation: that of
        `parzc.proxies.expressivity`.
    """
    entropies = block_values(table, "expressivity")
    if not len(entropies):
        return math.nan
    mean = float(entropies.mean())
    return -math.inf if math.isnan(mean) else mean


@mean_expressivity.together
def _together(tables: Stack) -> Float[np.ndarray, " tables"]:
    entropies, owner = blocks_together(tables, "expressivity")
    count = np.bincount(owner, minlength=len(tables))
    totals = np.bincount(owner, weights=entropies, minlength=len(tables))
    return or_last(totals / np.maximum(count, 1), count)
