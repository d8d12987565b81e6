"""Trace of the neural tangent kernel of a network."""

from parzc.probing.table import Table
from parzc.training_free import formula, network_value

__all__ = ["ntk_trace"]


@formula("ntk_trace")
def ntk_trace(table: Table) -> float:
    r"""Root mean square of the samples' gradients of their own class's logit.

    .. math:: \sqrt{\tfrac1n \operatorname{tr} K}, \qquad K = \sum_l G_l G_l^\top

    Row i of G is the gradient of the logit of sample i's label with respect to weight and bias of node
    l. Node value: the matrix inside the sum; aggregated by a sum over convolutions and linear
    layers. Input: one labelled mini-batch. Initialisation: the network's own (published: PyTorch's).
    Training mode: with batch normalisation the rows come from one backward pass in which samples
    influence each other, as published. Gradients in the network's precision, kernel in float64.

    Returns:
        A number in logits per unit of weight; higher is better. Near 0 for a dead network; NaN if a
        gradient is not finite.

    Source:
        Shu et al., NeurIPS 2022 (HNAS), where the search wants it near a value of its own. Compared
        with shuyao95/HNAS. Deviation: also for layers over tokens.
    """
    return network_value(table, "ntk_trace")
