"""SNIP."""

from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["snip"]


@statistic(probe=loss_gradient)
def snip(node: Node) -> Float[Tensor, ""]:
    r"""Connection sensitivity of one node.

    .. math:: \sum_i \lvert w_i \, \partial L / \partial w_i \rvert

    Returns:
        A non-negative scalar, in nats; a sum over weights, so it grows with the node's width.

    Source:
        Lee, Ajanthan & Torr, ICLR 2019. Compared with SamsungLabs/zero-cost-nas. Deviation: no mask
        parameter; at m = 1 the value is the same.
    """
    return node.weight_product().abs().sum()
