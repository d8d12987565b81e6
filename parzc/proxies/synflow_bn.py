"""SynFlow of a network that keeps its batch normalisation."""

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["synflow_bn"]


@formula("synflow_bn")
def synflow_bn(table: Table) -> float:
    r"""Sum of |weight times gradient of the output| without data, normalised.

    .. math:: \sum_l \sum_{i \in l} \lvert w_i \, \partial R / \partial w_i \rvert

    R is the sum of the logits for one image of ones, after every parameter and buffer was replaced
    by its absolute value. Node value: the inner sum; aggregated by a plain sum over convolutions and
    linear layers. No data, no labels. Initialisation: the network's own. Training mode: batch
    normalisation uses the statistics of the one image. Float64; with `compat=original` the network's
    own precision.

    Returns:
        A non-negative number without unit; higher is better, though the study does not use it. 0 for
        a network whose output does not depend on its input, NaN if a node's value is not finite.

    Source:
        Abdelfattah et al., ICLR 2021. Compared with SamsungLabs/zero-cost-nas. Deviation:
        two copies of the image where batch normalisation refuses one, at which the original fails.
    """
    return node_sum(table, "synflow_bn")
