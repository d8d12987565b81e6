"""SynFlow through batch normalisation."""

from jaxtyping import Float
from torch import Tensor

from parzc.probing import probes
from parzc.probing.node import Node
from parzc.probing.statistic import statistic

__all__ = ["synflow_bn"]


@statistic(probe=probes.synflow_bn)
def synflow_bn(node: Node) -> Float[Tensor, ""]:
    r"""Share of a node in the sum of the logits, with batch normalisation at work.

    .. math:: \sum_i \lvert w_i \, \partial R / \partial w_i \rvert

    where R is the sum of the logits for one input of ones, after every parameter was replaced by its
    absolute value. Batch normalisation uses the statistics of that one input.

    Returns:
        A non-negative scalar without unit, in float64 (with `compat=original` in the network's own
        precision); not the same for every node of a serial network, since normalisation takes the
        scale away.

    Source:
        Abdelfattah et al., ICLR 2021. Compared with SamsungLabs/zero-cost-nas. Deviation:
        two copies of the input where batch normalisation refuses one, at which the original fails.
    """
    return node.weight_product().abs().sum()
