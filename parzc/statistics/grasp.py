"""GraSP: change of the gradient's norm by each weight."""

from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import hessian_gradient
from parzc.probing.statistic import statistic

__all__ = ["grasp"]


@statistic(probe=hessian_gradient)
def grasp(node: Node) -> Float[Tensor, ""]:
    r"""Fall of the squared gradient norm if the node's weights were removed, with reversed sign.

    .. math:: -\sum_i w_i \, (H g)_i

    g is the gradient of the loss and H its Hessian, over the weights of all nodes together.

    Returns:
        A scalar of either sign, in squared nats per squared unit of weight. For a convolution followed by
        batch normalisation it is the squared norm of g, up to the normalisation's epsilon.

    Source:
        Wang, Zhang & Grosse, ICLR 2020, with the sign of Abdelfattah et al., ICLR 2021. Compared with
        SamsungLabs/zero-cost-nas. Deviation: none; temperature 1, one iteration.
    """
    return -node.weight_product().sum()
