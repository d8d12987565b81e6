"""AZ-NAS progressivity of a network."""

import math

import numpy as np
from jaxtyping import Float

from parzc.probing.stack import Stack
from parzc.probing.table import Table
from parzc.training_free import block_values, blocks_together, formula, or_last

__all__ = ["progressivity"]


@formula("expressivity")
def progressivity(table: Table) -> float:
    r"""Smallest increase of expressivity from one block to the next.

    .. math:: \min_l \, (s_l - s_{l-1})

    s is the entropy of `parzc.proxies.expressivity`, with which it shares node value, input,
    initialisation, mode and dtype; aggregated by the minimum over successive feature taps in order of
    execution. Not used for networks over tokens, where the entropy falls with depth whatever the
    architecture.

    Returns:
        A number of either sign in nats; higher is better. Noisy, being a minimum. 0 for a network with
        a block that is an exact identity and none that loses entropy; minus infinity where a block's
        value is missing; NaN for a network of less than two taps.

    Source:
        Lee & Ham, CVPR 2024. Compared with cvlab-yonsei/AZ-NAS. Deviation: that of
        `parzc.proxies.expressivity`.
    """
    increases = np.diff(block_values(table, "expressivity"))
    if not len(increases):
        return math.nan
    return -math.inf if np.isnan(increases).any() else float(increases.min())


@progressivity.together
def _together(tables: Stack) -> Float[np.ndarray, " tables"]:
    entropies, owner = blocks_together(tables, "expressivity")
    inside = owner[1:] == owner[:-1]
    whose, smallest = owner[1:][inside], np.full(len(tables), np.inf)
    with np.errstate(invalid="ignore"):  # a missing value makes the smallest one missing
        np.minimum.at(smallest, whose, np.diff(entropies)[inside])
    return or_last(smallest, np.bincount(whose, minlength=len(tables)))
