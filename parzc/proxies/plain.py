"""Signed weight times gradient of a network."""

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["plain"]


@formula("plain")
def plain(table: Table) -> float:
    r"""Sum of weight times gradient over all weights, signed.

    .. math:: \sum_l \sum_{i \in l} w_i \, \partial L / \partial w_i

    Node value: the inner sum; aggregated by a plain sum over convolutions and linear layers. A
    convolution before batch normalisation gives 0 up to the normalisation's epsilon, since its scale
    has no influence. Input: one labelled mini-batch, mean cross-entropy. Initialisation and dtype: the
    network's own. Training mode, so that batch normalisation uses batch statistics.

    Returns:
        A number of either sign in nats; published without a claim that higher is better. 0 for a
        network that ignores its input; NaN if a node's value is not finite.

    Source:
        Mozer & Smolensky, NeurIPS 1988, made a score by Abdelfattah et al., ICLR 2021. Compared with
        SamsungLabs/zero-cost-nas. Deviation: the batch is never split when memory is short.
    """
    return node_sum(table, "plain")
