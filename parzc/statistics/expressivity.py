"""AZ-NAS expressivity: how evenly a feature map uses its dimensions."""

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.kernels import channel_products
from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["expressivity"]


@statistic(probe=loss_gradient, of="block", reads="activation")
def expressivity(node: Node) -> Float[Tensor, ""]:
    r"""Entropy of the spectrum of a feature map's covariance.

    .. math:: -\sum_i p_i \ln (p_i + 10^{-8}), \qquad p = \lambda / \textstyle\sum_i \lambda_i

    λ are the eigenvalues of the covariance between the channels of a block's output, over samples and
    positions (or tokens).

    Returns:
        A scalar in nats, from 0 (one direction) to the logarithm of the number of channels. NaN, and
        so missing, for a constant feature map, whose spectrum has no shape, and for one that is not
        finite.

    Source:
        Lee & Ham, CVPR 2024, eq. 3 and 4. Compared with cvlab-yonsei/AZ-NAS. Deviations: the
        eigenvalues are computed in float64, and those below zero, which rounding makes, count as
        zero; a feature that is constant but for rounding is missing. With `compat=original` the
        network's precision is kept and logarithms of negative numbers give NaN.
    """
    feature, dim = node.output, node.channel_dim
    mean = feature.mean([other for other in range(feature.dim()) if other != dim])
    # centred first: the difference of second moments and squared mean would cancel
    centred = feature - mean.view(-1, *[1] * (feature.dim() - 1 - dim))
    covariance = channel_products(centred, centred, dim) / (feature.numel() // len(mean))
    if not node.original:
        covariance = covariance.double()
    if not covariance.isfinite().all():
        return mean.new_tensor(torch.nan)
    eigenvalues: Tensor = torch.linalg.eigvalsh(covariance)
    if not node.original:
        rounding = 8 * torch.finfo(mean.dtype).eps * torch.linalg.vector_norm(mean)
        constant = eigenvalues.sum() <= rounding.double().square()
        eigenvalues = torch.where(constant, torch.nan, eigenvalues.clamp(min=0))
    share = eigenvalues / eigenvalues.sum()
    return -(share * (share + 1e-8).log()).sum()
