"""DSS: synaptic diversity and saliency of a vision transformer."""

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.probing import probes
from parzc.probing.node import Node
from parzc.probing.statistic import statistic

__all__ = ["dss"]


@statistic(probe=probes.synflow)
def dss(node: Node) -> Float[Tensor, ""]:
    r"""Diversity of attention layers, saliency of the others.

    .. math:: \lVert \partial R / \partial W \rVert_* \, \lVert W \rVert_*
              \quad \text{in attention,} \qquad
              \sum_i \lvert w_i \, \partial R / \partial w_i \rvert \quad \text{elsewhere}

    with nuclear norms, and R the sum of the logits for an input of ones and absolute weights, see
    `parzc.probing.probes.synflow`.

    Returns:
        A non-negative scalar, without unit, in float64; with `compat=original` in the network's own
        precision.

    Source:
        Zhou et al., CVPR 2022 (TF-TAS). Compared with the description of the copy in
        cvlab-yonsei/AZ-NAS. Deviations: float64; layers without gradient count 0; a fused projection
        of queries, keys and values is one matrix.
    """
    if not node.in_attention or node.kind != "linear":
        return node.weight_product().abs().sum()
    if not node.weight_grad.isfinite().all():
        return node.weight.new_tensor(torch.nan)
    gradient: Tensor = torch.linalg.svdvals(node.weight_grad)
    weight: Tensor = torch.linalg.svdvals(node.weight)
    return gradient.sum() * weight.sum()
