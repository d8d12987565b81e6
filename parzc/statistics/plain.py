"""Plain: the signed sum of weight times gradient."""

from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["plain"]


@statistic(probe=loss_gradient)
def plain(node: Node) -> Float[Tensor, ""]:
    r"""First-order change of the loss if the node's weights were removed, with reversed sign.

    .. math:: \sum_i w_i \, \partial L / \partial w_i

    Returns:
        A scalar of either sign, in nats. A convolution followed by batch normalisation is invariant
        to its scale, so that only a residue of the normalisation's epsilon is left there.

    Source:
        Abdelfattah et al., ICLR 2021. Compared with SamsungLabs/zero-cost-nas. No deviation.
    """
    return node.weight_product().sum()
