"""Paths in a block: how many operations of a kind lie on the ways through a typical block."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.paths import BLOCK_SETS
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["block_paths"]


def _name(parts: Sequence[Tensor]) -> dict[str, Tensor]:
    (counts,) = parts
    return {"+".join(chosen): count for chosen, count in zip(BLOCK_SETS, counts, strict=True)}


@statistic(probe=loss_gradient, of="output", reads="graph", total=_name)
def block_paths(node: Node) -> Float[Tensor, " sets"]:
    """The most live operations of one block on any way from the input to the output.

    As `parzc.statistics.paths`, but counting only operations of the same block, for each set of the kinds
    `skip`, `pool`, `pointwise`, `small` (convolutions whose kernel has 2 to 9 elements) and `large` (of
    more). Blocks are the live members of the longest list of modules (`cells`, `blocks`); what counts is
    their median. It says what a cell is like, however many of them the network stacks and
    however the two inputs of a cell lead round others.

    Returns:
        31 counts of the network, `block_paths.skip` to `block_paths.skip+pool+pointwise+small+large`;
        missing if no way leads to the output. A network without a list of modules is one block.

    Source:
        Kadlecová et al., ICML 2024 (GRAF), whose longest paths of a cell these are after. Deviations as for
        `parzc.statistics.paths`; of the running network's typical block.
    """
    return node.block_paths
