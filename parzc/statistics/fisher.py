"""Fisher pruning's saliency of channels."""

from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["fisher"]


@statistic(probe=loss_gradient, reads="output_gradient")
def fisher(node: Node) -> Float[Tensor, ""]:
    r"""Loss change expected from removing each output channel, summed over channels.

    .. math:: \sum_c \tfrac12 \, \mathrm{mean}_n \Bigl( \sum_p a_{ncp} \,
              \partial L / \partial a_{ncp} \Bigr)^2

    with output a (bias included, before normalisation) of sample n, channel c and position p.

    Returns:
        A non-negative scalar, in squared nats.

    Source:
        Turner et al., ICLR 2020. Compared with SamsungLabs/zero-cost-nas. Deviations: the original
        spreads each channel's value over the channel's weights, so that its sum is larger by the
        fan-in (`parzc.proxies.fisher` puts the factor back); and on token models it sums over
        channels and keeps tokens, which is mended here. `compat=original` has both.
    """
    product = node.output * node.output_grad
    if not node.original:
        rows = node.by_sample(product)
        added = 0 if rows is None else rows.dim() - product.dim()
        product = (product if rows is None else rows).movedim(node.channel_dim + added, 1)
    per_channel = product.flatten(2).sum(2) if product.dim() > 2 else product
    importance = per_channel.square().mean(0).sum() / 2
    return importance * node.weight[0].numel() if node.original else importance
