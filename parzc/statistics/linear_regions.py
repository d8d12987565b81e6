"""Linear regions that the samples of a batch fall into."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.kernels import pattern_kernel
from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["linear_regions"]


def _count_distinct(kernels: Sequence[Tensor]) -> Tensor:
    agreement = torch.stack(list(kernels)).sum(0)
    if not agreement.isfinite().all():
        return agreement.new_tensor(torch.nan)
    same = agreement == agreement.diagonal()  # a sample agrees with itself in every element
    return (~same.tril(-1).any(1)).sum().double()


@statistic(probe=loss_gradient, of="activation", reads="activation", total=_count_distinct)
def linear_regions(node: Node) -> Float[Tensor, "samples samples"]:
    """How many different activation patterns the samples show.

    Returns:
        The node's part: how many elements two samples agree in. The value of the network is a count
        from 1 to the number of samples: of the linear regions of a network of ReLUs that they lie in.

    Source:
        Chen, Gong & Wang, ICLR 2021 (TE-NAS), after Hanin & Rolnick, 2019. Compared with the
        description of the copy in cvlab-yonsei/AZ-NAS. Deviations: exact (the original multiplies in
        float16); every activation module counts, not only ReLU.
    """
    return pattern_kernel(node)
