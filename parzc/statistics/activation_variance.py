"""Variance of the activations."""

from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["activation_variance"]


@statistic(probe=loss_gradient, reads="activation", weighted=False)
def activation_variance(node: Node) -> Float[Tensor, ""]:
    """Variance of the node's output over samples, channels and positions.

    Returns:
        A non-negative scalar, in squared units of the activation (population variance).
    """
    return node.output_moments()[0]
