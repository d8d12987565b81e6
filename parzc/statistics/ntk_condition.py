"""Condition number of the neural tangent kernel."""

from jaxtyping import Float
from torch import Tensor

from parzc.kernels import condition_number, gradient_kernel
from parzc.probing.node import Node
from parzc.probing.probes import label_logits
from parzc.probing.statistic import statistic

__all__ = ["ntk_condition"]


@statistic(probe=label_logits, reads="output_gradient", total=condition_number)
def ntk_condition(node: Node) -> Float[Tensor, "samples samples"]:
    r"""Largest eigenvalue of the neural tangent kernel, divided by the smallest.

    .. math:: \lambda_{\max}(K) / \lambda_{\min}(K), \qquad K = \sum_l G_l G_l^\top

    Row i of G is the gradient of the logit of sample i's label with respect to the weight and the bias
    of node l, see `parzc.statistics.ntk_trace`.

    Returns:
        The node's part of K. The value of the network is at least 1, without unit; lower is better.
        Infinite, and so missing, where K is singular.

    Source:
        Shu et al., NeurIPS 2022 (HNAS). Compared with shuyao95/HNAS. Deviations: a kernel that is
        singular up to rounding has no condition number (the original divides by what rounding leaves,
        which may be negative); always a solver for symmetric matrices, in float64; and those of
        `parzc.statistics.ntk_trace`.
    """
    return gradient_kernel(node)
