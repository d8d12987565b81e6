"""Longest path from input to output."""

import numpy as np

from parzc.probing.table import Table
from parzc.training_free import formula

__all__ = ["longest_path"]


@formula("level")
def longest_path(table: Table) -> float:
    """Count the operations with a weight on the longest path from the input to the output.

    Node value: `parzc.statistics.level`; the score is the largest. Independent of initialisation, mode
    and dtype. Where branches run side by side this is less than `live_layers`.

    Returns:
        A count; more is taken to be better. 0 for a network without weights.

    Source:
        The depth of cells is a feature of Kadlecová et al., ICML 2024 (GRAF), where it is read off
        a drawing of the cell; here it is read off the running network.
    """
    column = table.column("level")
    return float(np.nanmax(column)) if np.isfinite(column).any() else 0.0
