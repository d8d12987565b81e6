"""Width, depth and resolution in one number."""

import numpy as np

from parzc.probing.table import Table
from parzc.training_free import formula

__all__ = ["compound_size"]


@formula("level")
def compound_size(table: Table) -> float:
    r"""Parameters and a little of the multiply-accumulates, times a power of the depth.

    .. math:: P^{3/4} \, F^{1/4} \, (N D)^{3/4}

    P is `params`, F is `flops`, N is `live_layers` and D is `longest_path`. Of two networks with as many
    parameters, the deeper one and the one of higher resolution score higher; where the width varies much and
    the rest little, as in scaled families, the order is that of P. Needs one backward pass to see what is
    alive. Independent of initialisation, mode and dtype.

    Returns:
        A number without unit; more is taken to be better. 0 for a network without weights.

    Source:
        None: compound scaling (Tan & Le, ICML 2019) has depth, width and resolution grow together. The
        exponents were set by hand, with the spaces of data/features in sight.
    """
    layers = sum(node.weights > 0 and node.alive for node in table.nodes)
    operations = sum(node.flops for node in table.nodes if node.weights)
    levels = table.column("level")
    depth = float(np.nanmax(levels)) if np.isfinite(levels).any() else 0.0
    return float(table.network["parameters"] ** 0.75 * operations**0.25 * (layers * depth) ** 0.75)
