"""Norm of the gradient at the output."""

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["output_gradient_norm"]


@statistic(probe=loss_gradient, reads="output_gradient", weighted=False)
def output_gradient_norm(node: Node) -> Float[Tensor, ""]:
    r"""Euclidean norm of the gradient at the node's output.

    .. math:: \lVert \partial L / \partial a \rVert_2

    Returns:
        A non-negative scalar, in nats per unit of the activation.
    """
    norm: Tensor = torch.linalg.vector_norm(node.output_grad)
    return norm
