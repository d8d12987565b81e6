"""DSS: the score of vision transformers."""

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["dss"]


@formula("dss")
def dss(table: Table) -> float:
    r"""Synaptic diversity of attention layers plus synaptic saliency of the others.

    .. math:: \sum_{l \in \text{attention}} \lVert \partial R / \partial W_l \rVert_* \lVert W_l \rVert_*
              + \sum_{l \notin \text{attention}} \sum_{i \in l} \lvert w_i \, \partial R / \partial w_i \rvert

    with nuclear norms. R is the sum of the logits for one image of ones, after every parameter and
    buffer was replaced by its absolute value. Node value: the product of norms, or the inner sum;
    aggregated by a plain sum over convolutions and linear layers. No data, no labels. Initialisation:
    the network's own (published: slices of a shared network). Batch normalisation is left out, layer
    normalisation stays; no dropout in the published evaluation mode. Float64; with
    `compat=original` the network's own precision.

    Returns:
        A non-negative number without unit; higher is better. For a network without attention it is
        `synflow`. NaN if a node's value is not finite.

    Source:
        Zhou et al., CVPR 2022 (TF-TAS). Compared with the description of the copy in
        cvlab-yonsei/AZ-NAS. Deviations: training mode and float64.
    """
    return node_sum(table, "dss")
