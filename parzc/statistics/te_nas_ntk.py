"""TE-NAS condition number of the neural tangent kernel."""

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.kernels import condition_number
from parzc.probing.node import Node
from parzc.probing.probes import sample_logits
from parzc.probing.statistic import statistic

__all__ = ["te_nas_ntk"]

_CHUNK = 2**20


@statistic(probe=sample_logits, of="input", reads="output_gradient", total=condition_number)
def te_nas_ntk(node: Node) -> Float[Tensor, "samples samples"]:
    r"""Condition number of the kernel of the gradients of each sample's logits.

    .. math:: \lambda_{\max}(G G^\top) / \lambda_{\min}(G G^\top)

    Row i of G is the gradient of the sum of the logits of sample i with respect to all parameters
    named weight, those of normalisation included.

    Returns:
        The kernel. The value of the network is at least 1, without unit; lower is better. Infinite,
        and so missing, where the kernel is singular.

    Source:
        Chen, Gong & Wang, ICLR 2021 (TE-NAS). Compared with the copy in cvlab-yonsei/AZ-NAS.
        Deviations: the kernel is summed up in float64; where it is singular up to rounding the value
        is missing (the original divides by what rounding leaves, and takes 100000 for NaN).
    """
    kernel = node.output_grad.new_zeros(len(node.output_grad), len(node.output_grad), dtype=torch.float64)
    for part in torch.split(node.output_grad, _CHUNK, 1):  # a copy of all in float64 would double the memory
        part = part.double()
        kernel += part @ part.mT
    return kernel
