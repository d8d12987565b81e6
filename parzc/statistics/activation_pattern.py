"""How differently samples switch one activation."""

from jaxtyping import Float
from torch import Tensor

from parzc.kernels import log_determinant, pattern_kernel
from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["activation_pattern"]


@statistic(probe=loss_gradient, of="activation", reads="activation")
def activation_pattern(node: Node) -> Float[Tensor, ""]:
    r"""NASWOT of one activation alone.

    .. math:: \ln \det \bigl( X X^\top + (1 - X) (1 - X)^\top \bigr)

    X has one row a sample, 1 where the activation's input is positive and 0 elsewhere.

    Returns:
        A scalar in nats; grows with the size of the activation and the number of samples. Minus
        infinity, and so missing, where two samples have the same pattern.

    Source:
        Mellor et al., ICML 2021, whose score takes the determinant after the sum over activations:
        `parzc.statistics.naswot`. The parts are this project's.
    """
    return log_determinant([pattern_kernel(node)])
