"""SynFlow: synaptic flow."""

from jaxtyping import Float
from torch import Tensor

from parzc.probing import probes
from parzc.probing.node import Node
from parzc.probing.statistic import statistic

__all__ = ["synflow"]


@statistic(probe=probes.synflow)
def synflow(node: Node) -> Float[Tensor, ""]:
    r"""Share of a node in the sum over all paths of the product of absolute weights.

    .. math:: \sum_i \lvert w_i \rvert \, \partial R / \partial \lvert w_i \rvert

    where R is the sum of the logits for an input of ones, see `parzc.probing.probes.synflow`.

    Returns:
        A non-negative scalar, without unit, in float64; with `compat=original` in the network's own
        precision. In a serial network without biases every node has the same value, R.

    Source:
        Tanaka et al., NeurIPS 2020; Abdelfattah et al., ICLR 2021. Compared with
        SamsungLabs/zero-cost-nas. Deviation: none where batch normalisation is a module; its own
        NAS-Bench-201 network keeps four of them.
    """
    return node.weight_product().abs().sum()
