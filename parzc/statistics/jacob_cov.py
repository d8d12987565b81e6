"""Correlation of input gradients between samples."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import input_jacobian
from parzc.probing.statistic import statistic

__all__ = ["jacob_cov"]


def _independence(gradients: Sequence[Tensor]) -> Tensor:
    correlation = torch.corrcoef(torch.cat(list(gradients), 1))
    if correlation.dim() < 2 or not correlation.isfinite().all():
        return correlation.new_tensor(torch.nan)
    eigenvalues: Tensor = torch.linalg.eigvalsh(correlation) + 1e-5
    return -(eigenvalues.log() + 1 / eigenvalues).sum()


@statistic(probe=input_jacobian, of="input", reads="output_gradient", total=_independence)
def jacob_cov(node: Node) -> Float[Tensor, "samples elements"]:
    r"""How little the samples' input gradients are correlated.

    .. math:: -\sum_i \Bigl( \ln (v_i + 10^{-5}) + \frac{1}{v_i + 10^{-5}} \Bigr)

    v are the eigenvalues of the matrix of correlations between rows of J, of which row i is the
    gradient of the sum of all logits of all samples with respect to input i.

    Returns:
        The rows J, in logits per unit of the input. The value of the network has no unit and is at most
        about minus the number of samples, which uncorrelated gradients reach. Missing if a sample's
        gradient is constant, as in a network that ignores its input, or there is one sample only.

    Source:
        Mellor et al., 2020 (the first version of NASWOT), as in Abdelfattah et al., ICLR 2021.
        Compared with SamsungLabs/zero-cost-nas. Deviation: always float64, with a solver for
        symmetric matrices, so that no value becomes complex.
    """
    return node.output_grad.flatten(1).double()
