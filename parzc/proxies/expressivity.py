"""AZ-NAS expressivity of a network."""

import math

import numpy as np
from jaxtyping import Float

from parzc.probing.stack import Stack
from parzc.probing.table import Table
from parzc.training_free import block_values, blocks_together, formula, or_last

__all__ = ["expressivity"]


@formula("expressivity")
def expressivity(table: Table) -> float:
    r"""Sum of the entropies of the spectra of the feature maps' covariances.

    .. math:: \sum_l s_l, \qquad s_l = -\sum_i p_{li} \ln (p_{li} + 10^{-8})

    p are the eigenvalues of the covariance between channels, divided by their sum. Node value: the
    entropy s of a block's output; aggregated by a plain sum over the feature taps, the stem's
    included. Input: one mini-batch, no labels (published: Gaussian noise). Initialisation: the
    network's own (published: Kaiming's, by `initialisation=kaiming`). Training mode (published: evaluation
    mode for networks over tokens). Covariance in the network's precision, eigenvalues in float64.

    Returns:
        A number in nats; higher is better. Grows with depth and width. Minus infinity where a block's
        value is missing, as for a constant feature map; NaN for a network without blocks.

    Source:
        Lee & Ham, CVPR 2024. Compared with cvlab-yonsei/AZ-NAS. Deviation: eigenvalues below zero,
        which only rounding makes, count as zero; with `compat=original` they make the score minus
        infinity, for 6 to 7 percent of NAS-Bench-201.
    """
    entropies = block_values(table, "expressivity")
    if not len(entropies):
        return math.nan
    total = float(entropies.sum())
    return -math.inf if math.isnan(total) else total


@expressivity.together
def _together(tables: Stack) -> Float[np.ndarray, " tables"]:
    entropies, owner = blocks_together(tables, "expressivity")
    totals = np.bincount(owner, weights=entropies, minlength=len(tables))
    return or_last(totals, np.bincount(owner, minlength=len(tables)))
