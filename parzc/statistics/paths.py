"""Paths: how many operations of a kind lie on the ways through the network."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.paths import SETS
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["paths"]


def _name(parts: Sequence[Tensor]) -> dict[str, Tensor]:
    (counts,) = parts
    return {
        f"{extreme}.{'+'.join(chosen)}": count
        for extreme, row in zip(("most", "fewest"), counts, strict=True)
        for chosen, count in zip(SETS, row, strict=True)
    }


@statistic(probe=loss_gradient, of="output", reads="graph", total=_name)
def paths(node: Node) -> Float[Tensor, "2 sets"]:
    """The most and the fewest live operations on any way from the input to the output.

    Counted for each set of the kinds `skip` (`nn.Identity`), `pool`, `pointwise` (linear layers,
    projections, convolutions whose kernel has one element) and `spatial` (other convolutions): what the
    graph of any network says, without a drawing of it. Every run of a module counts. No way leads through
    dead operations, through what is multiplied by the number zero, or from a parameter such as a class
    token.

    Returns:
        30 counts of the network, `paths.most.skip` to `paths.fewest.skip+pool+pointwise+spatial`;
        missing if no way leads to the output.

    Source:
        Kadlecová et al., ICML 2024 (GRAF), whose features of cells these are after. Deviations: of the
        whole network as it ran; kinds of operation that all networks have in common; the fewest
        operations of a set on any way, not the shortest way of operations of the set alone.
    """
    return node.paths
