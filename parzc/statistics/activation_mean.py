"""Mean of the activations."""

from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["activation_mean"]


@statistic(probe=loss_gradient, reads="activation", weighted=False)
def activation_mean(node: Node) -> Float[Tensor, ""]:
    """Mean of the node's output over samples, channels and positions.

    Returns:
        A scalar of either sign, in units of the activation.
    """
    return node.output_moments()[1]
