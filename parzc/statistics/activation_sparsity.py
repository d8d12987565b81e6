"""Sparsity of the activations."""

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["activation_sparsity"]


@statistic(probe=loss_gradient, reads="activation", weighted=False)
def activation_sparsity(node: Node) -> Float[Tensor, ""]:
    """Share of the node's inputs that are exactly zero.

    Read off the input, because a node's output is linear and hardly ever zero, while its input has
    passed the activation function.

    Returns:
        A scalar in [0, 1].
    """
    # several times faster on a CPU than counting: this output type keeps the comparison vectorised
    return torch.eq(node.input, 0, out=torch.empty_like(node.input)).mean()
