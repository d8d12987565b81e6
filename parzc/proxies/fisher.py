"""Fisher: importance of the channels of a network."""

import math

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["fisher"]


@formula("fisher")
def fisher(table: Table) -> float:
    r"""Sum of channel importances, each times the fan-in of its node.

    .. math:: \sum_l \frac{|W_l|}{C_l} \sum_{c \in l}
        \frac{1}{2} \, \mathbb{E}_n \Big( \sum_{hw} a_{nchw} \, \partial L / \partial a_{nchw} \Big)^2

    a is the output of the node with its bias, before normalisation and activation; |W| is the number
    of weights, C the number of output channels. Node value: the inner sum over channels; aggregated
    by a sum over convolutions and linear layers, weighted by fan-in, because the original gives every
    weight the importance of its channel. Input: one labelled mini-batch, mean cross-entropy.
    Initialisation and dtype: the network's own. Training mode, so that batch normalisation uses batch
    statistics.

    Returns:
        A non-negative number in squared nats; higher is better. A network that ignores its input
        still has the part of the classifier's bias; NaN if a node's value is not finite.

    Source:
        Theis et al., 2018 and Turner et al., ICLR 2020, made a score by Abdelfattah et al., ICLR
        2021. Compared with SamsungLabs/zero-cost-nas. Deviations: the batch is never split when memory
        is short; for layers over tokens, channels are channels (the original sums over channels and
        takes tokens for channels), unless the table was extracted with `compat=original`.
    """
    if "original" in table.network:
        return node_sum(table, "fisher")  # has the fan-in already
    total = 0.0
    for node, importance in zip(table.nodes, table.column("fisher"), strict=True):
        if node.weights and not (math.isnan(importance) and not node.alive):
            total += importance * node.weights / node.out_channels
    return total
