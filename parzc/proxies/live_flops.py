"""Multiply-accumulate count of what is alive."""

import numpy as np
from jaxtyping import Float

from parzc.probing.stack import Stack
from parzc.probing.table import NodeInfo, Table
from parzc.training_free import formula

__all__ = ["live_flops"]


@formula()
def live_flops(table: Table) -> float:
    """Multiply-accumulates of one image in the nodes that influence the output.

    Node value: output positions times elements of the weight (over groups), of convolutions and
    linear layers; the score is the sum over live nodes: those whose weight's gradient is not exactly
    zero. Input: one labelled mini-batch, of which only that is used. Initialisation, training mode
    and dtype: of no influence, but for a node that the batch happens not to reach.

    Returns:
        A count; more is taken to be better. 0 for a network that ignores its input, but for layers
        that it ends with.

    Source:
        None: FLOPs (`parzc.proxies.flops`) without the operations that a cell contains but does not
        use, 40 % of the cells of NAS-Bench-201 having such.
    """
    return sum(map(_count, table.nodes), 0.0)


@live_flops.together
def _together(tables: Stack) -> Float[np.ndarray, " tables"]:
    return tables.total(_count)


def _count(node: NodeInfo) -> float:
    return float(node.flops if node.alive and node.weights else 0)
