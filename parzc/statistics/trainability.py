"""AZ-NAS trainability: how far a block is from keeping a gradient's scale."""

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.kernels import channel_products
from parzc.probing.node import Node
from parzc.probing.probes import block_jacobian
from parzc.probing.statistic import statistic

__all__ = ["trainability"]


@statistic(probe=block_jacobian, of="block", reads="output_gradient")
def trainability(node: Node) -> Float[Tensor, ""]:
    r"""Distance of the spectral norm of a block's Jacobian from 1.

    .. math:: -\sigma - \frac{1}{\sigma + 10^{-6}} + 2, \qquad
              \sigma = \Bigl\lVert \tfrac1n \sum_p g_\text{in}(p) \, g_\text{out}(p)^\top \Bigr\rVert_2

    g_out are random signs on the block's output, g_in their gradient at its input, p runs over all
    n samples and positions (or tokens). Where the block divides the size of the feature map, the
    positions of g_in that become one are stacked as channels.

    Returns:
        A scalar of at most 0 (up to 1e-6), without unit; 0 for σ = 1. −999998 for a block whose
        output does not depend on its input, of which σ is 0. Missing: for an exact identity (minus
        infinity for feature maps, NaN over tokens), and (NaN) where the sizes of input and output
        have no whole ratio or the number of tokens changes.

    Source:
        Lee & Ham, CVPR 2024, eq. 7 to 9; the 1e-6 is in the code only. Compared with
        cvlab-yonsei/AZ-NAS. Deviations: the singular value is computed in float64; sizes without a
        whole ratio do not raise. σ of an identity with c channels is about (1 + sqrt(c/n))², not 1:
        compare at equal batch size and resolution.
    """
    before, after, dim = node.input_grad, node.output_grad, node.channel_dim
    tokens = dim > 1 and after.dim() == 3
    if before.shape == after.shape and torch.equal(before, after):
        return after.new_tensor(torch.nan if tokens else -torch.inf)
    points = after.numel() // after.shape[dim]
    if before.movedim(dim, 1).shape[2:] != after.movedim(dim, 1).shape[2:]:
        sizes = list(after.movedim(dim, 1).shape[2:])
        before, after, dim = before.movedim(dim, 1), after.movedim(dim, 1), 1
        if tokens or any(large % small for large, small in zip(before.shape[2:], sizes, strict=True)):
            return after.new_tensor(torch.nan)
        before = _stack_positions(before, sizes)
    product = channel_products(before, after, dim).double() / points
    gram = product.mT @ product if product.shape[0] > product.shape[1] else product @ product.mT
    if not gram.isfinite().all():
        return gram.new_tensor(torch.nan)
    sigma: Tensor = torch.linalg.eigvalsh(gram)[-1].clamp(min=0).sqrt()
    return -sigma - 1 / (sigma + 1e-6) + 2


def _stack_positions(feature: Tensor, sizes: list[int]) -> Tensor:
    """Make channels of the positions inside each of the `sizes` tiles."""
    tiles = [(size, large // size) for size, large in zip(sizes, feature.shape[2:], strict=True)]
    tiled = feature.reshape(*feature.shape[:2], *[size for tile in tiles for size in tile])
    inside, outside = range(3, tiled.dim(), 2), range(2, tiled.dim(), 2)
    return tiled.permute(0, 1, *inside, *outside).reshape(len(feature), -1, *sizes)
