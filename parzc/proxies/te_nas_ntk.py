"""TE-NAS trainability: condition number of a neural tangent kernel."""

from parzc.probing.table import Table
from parzc.training_free import formula, network_value

__all__ = ["te_nas_ntk"]


@formula("te_nas_ntk")
def te_nas_ntk(table: Table) -> float:
    r"""Minus the condition number of the kernel of the samples' gradients.

    .. math:: -\lambda_{\max}(G G^\top) / \lambda_{\min}(G G^\top)

    Row i of G is the gradient of the sum of the logits of sample i with respect to all parameters named
    weight, normalisation included. Node value: none, one number a network. Input: one mini-batch, no
    labels; one backward pass a sample, which makes it the dearest of all. Initialisation: the network's
    own (published: PyTorch's). Training mode, so that batch normalisation uses batch statistics.
    Gradients in the network's precision, kernel in float64.

    Returns:
        At most −1, without unit; higher is better. NaN where the kernel is singular, as of a
        dead network.

    Source:
        Chen, Gong & Wang, ICLR 2021 (TE-NAS). Compared with the copy in cvlab-yonsei/AZ-NAS.
        Deviation: no value where rounding would decide it (the original takes 100000 for NaN).
    """
    return -network_value(table, "te_nas_ntk")
