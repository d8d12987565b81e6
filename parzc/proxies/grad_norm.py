"""Gradient norm of a network."""

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["grad_norm"]


@formula("grad_norm")
def grad_norm(table: Table) -> float:
    r"""Sum of the gradient norms of the nodes.

    .. math:: \sum_l \lVert \partial L / \partial W_l \rVert_2

    Node value: the norm of its weight's gradient; aggregated by a plain sum over convolutions and
    linear layers, which is not the norm of the whole gradient. Input: one labelled mini-batch, mean
    cross-entropy. Initialisation and dtype: the network's own. Training mode, so that batch
    normalisation uses batch statistics.

    Returns:
        A non-negative number in nats per unit of weight; higher is better. 0 for a network that
        ignores its input; NaN if a node's value is not finite.

    Source:
        Abdelfattah et al., ICLR 2021. Compared with SamsungLabs/zero-cost-nas. Deviation: the batch
        is never split when memory is short.
    """
    return node_sum(table, "grad_norm")
