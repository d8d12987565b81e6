"""Trace of the neural tangent kernel."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.kernels import gradient_kernel
from parzc.probing.node import Node
from parzc.probing.probes import label_logits
from parzc.probing.statistic import statistic

__all__ = ["ntk_trace"]


def _root_mean_trace(kernels: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(kernels)).sum(0).diagonal().mean().sqrt()


@statistic(probe=label_logits, reads="output_gradient", total=_root_mean_trace)
def ntk_trace(node: Node) -> Float[Tensor, "samples samples"]:
    r"""Root mean square of the samples' gradients of the logit of their own class.

    .. math:: \sqrt{\tfrac1n \operatorname{tr} K}, \qquad K = \sum_l G_l G_l^\top

    Row i of G is the gradient of the logit of sample i's label with respect to the weight and the bias
    of node l.

    Returns:
        The node's part of K. The value of the network is in logits per unit of weight.

    Source:
        Shu et al., NeurIPS 2022 (HNAS). Compared with shuyao95/HNAS. One backward pass of the sum over
        samples, as in the original: with batch normalisation in training mode samples influence each
        other, so that the rows are not the derivatives of single logits. Deviations: also defined for
        layers over tokens; a module that runs several times counts each run by itself, and a weight
        that several modules share is counted where it runs first.
    """
    return gradient_kernel(node)
