"""Zen-score: how much a disturbed input disturbs the features."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import perturbation
from parzc.probing.statistic import statistic

__all__ = ["zen"]


def _sum(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack([part.double() for part in parts]).sum()


@statistic(probe=perturbation, of=("map", "norm"), reads="activation", total=_sum)
def zen(node: Node) -> Float[Tensor, ""]:
    r"""Logarithm of the change of the features, in units before batch normalisation.

    .. math:: \ln \mathbb{E}_n \lVert f(x_n) - f(x_n + 0.01\, x'_n) \rVert_1
              + \sum_l \ln \sqrt{\operatorname{mean}_c \hat\sigma^2_{lc}}

    f is the last feature map before pooling, x' Gaussian noise, and σ² the running variance of batch
    normalisation l after both forward passes.

    Returns:
        One term: of the feature map the first, of a batch normalisation its part of the second. The
        value of the network has no unit. Missing for features that do not depend on the input.

    Source:
        Lin et al., ICCV 2021 (Zen-NAS). Compared with idstcv/ZenNAS. Deviations: weights are used as
        they are (the original draws them from N(0, 1): option `initialisation=gaussian`), and the input
        is the batch (the original's is Gaussian noise); one repetition.
    """
    if node.kind == "norm":
        return node.output.mean().log() / 2
    return (node.input - node.output).abs().sum().div(len(node.output)).log()
