"""Gradient norm."""

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["grad_norm"]


@statistic(probe=loss_gradient)
def grad_norm(node: Node) -> Float[Tensor, ""]:
    r"""Euclidean norm of the weight's gradient.

    .. math:: \lVert \partial L / \partial w \rVert_2

    Returns:
        A non-negative scalar, in nats per unit of weight; 0 for a dead node.

    Source:
        Abdelfattah et al., ICLR 2021. Compared with SamsungLabs/zero-cost-nas. No deviation.
    """
    norm: Tensor = torch.linalg.vector_norm(node.weight_grad)
    return norm
