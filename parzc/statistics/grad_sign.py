"""GradSign: how far the samples agree on the direction of each weight."""

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.kernels import sample_gradients
from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["grad_sign"]


@statistic(probe=loss_gradient, reads="output_gradient")
def grad_sign(node: Node) -> Float[Tensor, ""]:
    r"""Agreement of the signs of the samples' gradients, summed over weights.

    .. math:: \sum_k \Bigl\lvert \sum_n \operatorname{sign}
              \frac{\partial L_n}{\partial w_k} \Bigr\rvert

    Returns:
        A non-negative count, at most the number of weights times the number of samples. NaN, and so
        missing, where the layer computes the same for all samples, or what is not finite.

    Source:
        Zhang & Jia, ICLR 2022. Compared with the description of the copy in cvlab-yonsei/AZ-NAS.
        Deviations: the samples' shares of one backward pass instead of a pass for each, which is the
        same but for batch normalisation, here with the statistics of the batch instead of one sample;
        of a module that runs several times the mean over its runs.
    """
    agreement = node.weight.new_zeros(node.weight.numel())
    counted = 0
    for gradients in sample_gradients(node):
        agreement += gradients.sign().sum(0)
        counted += len(gradients)
    if not counted:
        return agreement.new_tensor(torch.nan)
    # the sign of NaN is 0, which would pass for a vote withheld
    return agreement.abs().sum() + 0 * node.output_grad.sum()
