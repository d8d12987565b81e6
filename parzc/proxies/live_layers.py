"""Number of layers that can learn."""

import numpy as np
from jaxtyping import Float

from parzc.probing.stack import Stack
from parzc.probing.table import NodeInfo, Table
from parzc.training_free import formula

__all__ = ["live_layers"]


@formula()
def live_layers(table: Table) -> float:
    """Count the convolutions and linear layers that influence the output.

    Node value: 1 for a node whose weight has a gradient other than zero, else 0; the score is the sum
    over nodes. Needs one backward pass, but its values only to tell zero from the rest. Independent of
    initialisation, dtype and mode.

    Returns:
        A count; more is taken to be better. 0 for a network without weights; a network that ignores
        its input keeps its last layer.

    Source:
        The baseline "number of trainable layers" of the VKDNW study, 2025. Deviations: dead layers do not
        count, and neither does normalisation.
    """
    return sum(map(_count, table.nodes), 0.0)


@live_layers.together
def _together(tables: Stack) -> Float[np.ndarray, " tables"]:
    return tables.total(_count)


def _count(node: NodeInfo) -> float:
    return float(node.weights > 0 and node.alive)
