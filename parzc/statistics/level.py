"""Level: how many operations the longest chain up to a node holds."""

from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["level"]


@statistic(probe=loss_gradient, reads="graph")
def level(node: Node) -> Float[Tensor, ""]:
    """Length of the longest chain of live operations from the input to the node.

    Where branches run side by side, only the longest counts, so this is not the number of operations
    that ran before (`depth`). Operations without a weight do not count, and what is multiplied by the
    number zero leads nowhere.

    Returns:
        A count, the node itself included if it is alive; 0 for a node that the output does not depend on.

    Source:
        None.
    """
    return node.level
