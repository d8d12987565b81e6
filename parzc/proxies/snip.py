"""SNIP: connection sensitivity of a network."""

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["snip"]


@formula("snip")
def snip(table: Table) -> float:
    r"""Sum of |weight times gradient| over all weights.

    .. math:: \sum_l \sum_{i \in l} \lvert w_i \, \partial L / \partial w_i \rvert

    Node value: the inner sum; aggregated by a plain sum over convolutions and linear layers. Input:
    one labelled mini-batch, mean cross-entropy. Initialisation and dtype: the network's own.
    Training mode, so that batch normalisation uses batch statistics.

    Returns:
        A non-negative number in nats; higher is better. 0 for a network that ignores its input; NaN
        if a node's value is not finite.

    Source:
        Lee, Ajanthan & Torr, ICLR 2019, made a score by Abdelfattah et al., ICLR 2021. Compared with
        SamsungLabs/zero-cost-nas. Deviations: no mask parameter, at m = 1 the value is the same; the
        batch is never split when memory is short.
    """
    return node_sum(table, "snip")
