"""Correlation of input gradients between the samples of a batch."""

from parzc.probing.table import Table
from parzc.training_free import formula, network_value

__all__ = ["jacob_cov"]


@formula("jacob_cov")
def jacob_cov(table: Table) -> float:
    r"""How little the samples' input gradients are correlated.

    .. math:: -\sum_i \Bigl( \ln (v_i + 10^{-5}) + \frac{1}{v_i + 10^{-5}} \Bigr)

    v are the eigenvalues of the matrix of correlations between the samples' gradients of the sum of
    all logits with respect to the input. Node value: none, one number a network. Input: one
    mini-batch, no labels. Initialisation: the network's own. Training mode, so that batch
    normalisation uses batch statistics and samples influence each other. Gradients in the network's
    precision, correlations in float64.

    Returns:
        A number without unit; higher is better, at most about minus the size of the batch. NaN for a
        network that ignores its input.

    Source:
        Mellor et al., 2020, made a score by Abdelfattah et al., ICLR 2021. Compared with
        SamsungLabs/zero-cost-nas. Deviation: a solver for symmetric matrices.
    """
    return network_value(table, "jacob_cov")
