"""ZiCo: inverse coefficient of variation of the gradient."""

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import two_batches
from parzc.probing.statistic import statistic

__all__ = ["zico"]


@statistic(probe=two_batches)
def zico(node: Node) -> Float[Tensor, ""]:
    r"""How large the gradient is compared with its change from one mini-batch to another.

    .. math:: \ln \sum_{i:\, g_i \ne g'_i} \frac{\mathrm{mean}(|g_i|, |g'_i|)}{\mathrm{std}(g_i, g'_i)}
              = \ln \sum_{i:\, g_i \ne g'_i} \frac{|g_i| + |g'_i|}{|g_i - g'_i|}

    with the population's standard deviation of the two gradients g and g'.

    Returns:
        A scalar without unit; of the sum's terms each is at least 1. Heavy-tailed: weights whose two
        gradients happen to be close dominate. Minus infinity, and so missing, where no element
        differs, as in a dead node.

    Source:
        Li et al., ICLR 2023. Compared with SLDGroup/ZiCo. Deviation: the two terms are written out
        for two batches, and nothing else is offered.
    """
    first, second = node.other_grad, node.weight_grad
    distance = (first - second).abs_()
    ratio = first.abs().add_(second.abs()).div_(distance)
    return torch.where(distance == 0, 0, ratio).sum().log()
