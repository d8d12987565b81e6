"""GraSP: what the weights contribute to the flow of gradients."""

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["grasp"]


@formula("grasp")
def grasp(table: Table) -> float:
    r"""Sum of −weight times Hessian-gradient product over all weights, signed.

    .. math:: -\sum_l \sum_{i \in l} w_i \, (H g)_i

    Node value: the inner sum with its sign; aggregated by a plain sum over convolutions and linear
    layers. g and H are of the loss with respect to these weights. Input: one labelled mini-batch, mean
    cross-entropy. Initialisation and dtype: the network's own. Training mode, so that batch
    normalisation uses batch statistics.

    Returns:
        A number of either sign in squared nats per squared unit of weight; higher is better (the minus
        was found by trial). 0 for a network that ignores its input up to what the classifier's bias
        leaves; NaN if a node's value is not finite.

    Source:
        Wang, Zhang & Grosse, ICLR 2020, made a score by Abdelfattah et al., ICLR 2021. Compared with
        SamsungLabs/zero-cost-nas. Deviation: the batch is never split when memory is short.
    """
    return node_sum(table, "grasp")
