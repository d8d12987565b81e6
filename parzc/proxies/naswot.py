"""NASWOT: neural architecture search without training."""

from parzc.probing.table import Table
from parzc.training_free import formula, network_value

__all__ = ["naswot"]


@formula("naswot")
def naswot(table: Table) -> float:
    r"""How differently the samples of a batch switch the activations.

    .. math:: \ln \det \sum_l \bigl( X_l X_l^\top + (1 - X_l) (1 - X_l)^\top \bigr)

    X has one row a sample, 1 where the input of activation l is positive and 0 elsewhere. Node value:
    the matrix inside the sum; aggregated by the sum over activation modules and the determinant. Input:
    one mini-batch, no labels (published with images, by others with Gaussian noise). Initialisation:
    the network's own (published: PyTorch's, by others Kaiming's). Training mode, so that batch
    normalisation uses batch statistics. Exact counts; determinant in float64.

    Returns:
        A number in nats; higher is better. Grows with the number of activations. NaN for a network in
        which two samples have the same patterns, or that has no activation modules.

    Source:
        Mellor et al., ICML 2021. Compared with BayesWatch/nas-without-training and with the copy in
        cvlab-yonsei/AZ-NAS, which it equals. Deviations: every kind of activation counts;
        and each once, where the first code counts those twice that lie in a module whose class has ReLU in
        its name (`compat=original`).
    """
    return network_value(table, "naswot")
