"""Norm of the weight."""

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["l2_norm"]


@statistic(probe=loss_gradient)
def l2_norm(node: Node) -> Float[Tensor, ""]:
    r"""Euclidean norm of the weight.

    .. math:: \lVert w \rVert_2

    Returns:
        A non-negative scalar, in units of weight; at initialisation a measure of the node's shape.

    Source:
        Abdelfattah et al., ICLR 2021. Compared with SamsungLabs/zero-cost-nas. No deviation.
    """
    norm: Tensor = torch.linalg.vector_norm(node.weight)
    return norm
