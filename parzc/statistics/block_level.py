"""Level in the block: how many operations the longest chain in a node's own block holds."""

from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["block_level"]


@statistic(probe=loss_gradient, reads="graph")
def block_level(node: Node) -> Float[Tensor, ""]:
    """Length of the longest chain of live operations of the node's own block that leads to the node.

    As `parzc.statistics.level`, but counting only operations of the same block, the member of the
    outermost list of modules that the node lies in (`cells.3`). Where cells read from two cells before,
    this tells a deep cell from a deep network.

    Returns:
        A count, the node itself included if it is alive; 0 for a node that the output does not depend on.

    Source:
        None.
    """
    return node.block_level
