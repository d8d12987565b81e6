"""ZiCo: how steady the gradient is from one mini-batch to another."""

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["zico"]


@formula("zico")
def zico(table: Table) -> float:
    r"""Sum over nodes of the log of the summed inverse coefficients of variation.

    .. math:: \sum_l \ln \sum_{i \in l} \frac{\mathrm{mean} \lvert g_i \rvert}{\mathrm{std} \, g_i}

    Mean and standard deviation are over the gradients g of two mini-batches; weights with the same
    gradient in both are left out. Node value: the logarithm; aggregated by a plain sum over
    convolutions and linear layers, without those where no weight is left. Input: two labelled
    mini-batches, mean cross-entropy; the halves of one if there is no second. Initialisation and
    dtype: the network's own. Training mode, so that batch normalisation uses batch statistics.

    Returns:
        A number without unit; higher is better. Grows with depth and width. Dead nodes are left out, so
        that a network whose nodes are all dead scores 0; NaN if the value of a live node is missing.

    Source:
        Li et al., ICLR 2023. Compared with SLDGroup/ZiCo. Deviation: a live node with the same
        gradient in both batches gives NaN (the original leaves it out).
    """
    return node_sum(table, "zico")
