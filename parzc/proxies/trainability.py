"""AZ-NAS trainability of a network."""

import math

import numpy as np
from jaxtyping import Float

from parzc.probing.stack import Stack
from parzc.probing.table import Table
from parzc.training_free import block_values, blocks_together, formula, or_last

__all__ = ["trainability"]


@formula("trainability")
def trainability(table: Table) -> float:
    r"""How well the blocks keep the scale of gradients.

    .. math:: \frac{1}{L-1} \sum_{l \ge 2} \Bigl( 2 - \sigma_l - \frac{1}{\sigma_l + 10^{-6}} \Bigr)

    σ is the spectral norm of a block's Jacobian, estimated with random signs. Node value: the term in
    brackets; aggregated by the mean over blocks, from one feature tap to the next. Input: one
    mini-batch, no labels, no loss (published: Gaussian noise). Initialisation: the network's own
    (published: Kaiming's, by `initialisation=kaiming`). Training mode (published: evaluation mode for
    networks over tokens). Jacobian in the network's precision, σ in float64.

    Returns:
        A number without unit, at most about 0; higher is better. Depends on the batch size. A block
        whose output does not depend on its input brings −999998, and so ranks above an exact
        identity, which is missing and makes the score minus infinity, as published; NaN for a
        network of less than two taps.

    Source:
        Lee & Ham, CVPR 2024. Compared with cvlab-yonsei/AZ-NAS. Deviations: the random signs are the
        same for every network; any missing block makes the score minus infinity (the original leaves
        identities over tokens out, and fails where sizes have no whole ratio).
    """
    values = block_values(table, "trainability")[1:]
    if not len(values):
        return math.nan
    mean = float(values.mean())
    return -math.inf if math.isnan(mean) else mean


@trainability.together
def _together(tables: Stack) -> Float[np.ndarray, " tables"]:
    values, owner = blocks_together(tables, "trainability")
    inside = np.diff(owner, prepend=-1) == 0
    count = np.bincount(owner[inside], minlength=len(tables))
    totals = np.bincount(owner[inside], weights=values[inside], minlength=len(tables))
    return or_last(totals / np.maximum(count, 1), count)
