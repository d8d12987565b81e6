"""NASWOT: how differently samples switch the activations."""

from jaxtyping import Float
from torch import Tensor

from parzc.kernels import log_determinant, pattern_kernel
from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["naswot"]


@statistic(probe=loss_gradient, of="activation", reads="activation", total=log_determinant)
def naswot(node: Node) -> Float[Tensor, "samples samples"]:
    r"""Logarithm of the determinant of the samples' kernel of activation patterns.

    .. math:: \ln \det \sum_l \bigl( X_l X_l^\top + (1 - X_l) (1 - X_l)^\top \bigr)

    X has one row a sample, 1 where the input of activation l is positive and 0 elsewhere.

    Returns:
        The node's part of the sum: how many elements two samples agree in. The value of the network
        is in nats; it grows with the number of activations and of samples. Missing where two samples
        have the same patterns everywhere, since the determinant is 0.

    Source:
        Mellor et al., ICML 2021. Compared with BayesWatch/nas-without-training. Deviation: every
        activation module counts once, not only ReLU. With `compat=original` modules that merely have
        ReLU in the name of their class count as well, and what such a block contains counts twice.
    """
    return pattern_kernel(node)
