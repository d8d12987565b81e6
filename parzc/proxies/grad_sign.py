"""GradSign of a network."""

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["grad_sign"]


@formula("grad_sign")
def grad_sign(table: Table) -> float:
    r"""How far the samples' gradients agree in sign, summed over all weights.

    .. math:: \sum_l \sum_{k \in l} \Bigl\lvert \sum_n \operatorname{sign}
              \frac{\partial L_n}{\partial w_k} \Bigr\rvert

    L is the cross-entropy of sample n. Node value: the sum over the node's weights; aggregated by a plain
    sum over convolutions and linear layers. Input: one labelled mini-batch. Initialisation and dtype:
    the network's own. Training mode, so that batch normalisation uses batch statistics.

    Returns:
        A non-negative count; higher is better. Grows with the number of live weights. A network that
        ignores its input keeps the part of its last layer; NaN if a node's value is not finite.

    Source:
        Zhang & Jia, ICLR 2022. Compared with the description of the copy in cvlab-yonsei/AZ-NAS.
        Deviations: those of `parzc.statistics.grad_sign`; the sum of the paper, where that copy divides
        by the number of weights, those of dead operations included, which is the same for all networks
        of a shared one.
    """
    return node_sum(table, "grad_sign")
