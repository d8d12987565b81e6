"""Depth of the blocks."""

import math

import numpy as np
from jaxtyping import Float

from parzc.probing.levels import block_of
from parzc.probing.stack import Stack
from parzc.probing.table import NodeInfo, Table
from parzc.training_free import formula

__all__ = ["block_depth"]


@formula("block_level")
def block_depth(table: Table) -> float:
    """Count the operations with a weight on the longest path in each block, and add the blocks up.

    Node value: `parzc.statistics.block_level`; the score is the sum over blocks of the largest. Independent
    of initialisation, mode and dtype. A block is a member of the outermost list of modules; what lies in
    none is a block of its own.

    Returns:
        A count; more is taken to be better. 0 for a network without weights.

    Source:
        The depth of a cell is a feature of Kadlecová et al., ICML 2024 (GRAF), where it is read off a
        drawing of the cell; here it is read off the running network.
    """
    deepest: dict[str, float] = {}
    for node, level in zip(table.nodes, table.column("block_level").tolist(), strict=True):
        if math.isfinite(level):
            block = _block(node)
            deepest[block] = max(level, deepest.get(block, 0.0))
    return sum(deepest.values(), 0.0)


@block_depth.together
def _together(tables: Stack) -> Float[np.ndarray, " tables"]:
    levels, (blocks, number) = tables.statistics(["block_level"])[:, 0], tables.labels(_block)
    present = np.isfinite(levels)
    place = (tables.owner * len(blocks) + number[tables.which])[present]
    deepest = np.zeros(len(tables) * len(blocks))
    np.maximum.at(deepest, place, levels[present])
    return np.asarray(deepest.reshape(len(tables), len(blocks)).sum(axis=1))


def _block(node: NodeInfo) -> str:
    return block_of(node.name)
