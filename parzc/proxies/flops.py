"""Multiply-accumulate count."""

from parzc.probing.table import Table
from parzc.training_free import formula

__all__ = ["flops"]


@formula()
def flops(table: Table) -> float:
    """Multiply-accumulates of one image in convolutions and linear layers.

    Node value: output positions times elements of the weight (over groups); the score is the sum
    over nodes with a weight, dead ones too. Depends on the size of the input, not on its values,
    initialisation or mode.

    Returns:
        A count; more is taken to be better. 0 for a network without nodes.

    Source:
        The baseline of every study, for example Ning et al., NeurIPS 2021. Deviation: pooling,
        additions, activations, normalisation and attention products are not counted.
    """
    return float(sum(node.flops for node in table.nodes if node.weights))
