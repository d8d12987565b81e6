"""How many operations of a kind lie on the ways through a network."""

from collections.abc import Sequence
from itertools import chain, combinations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from parzc.probing.levels import Levels
from parzc.probing.node import Node

__all__ = ["KINDS", "SETS", "count_paths"]

KINDS = ("skip", "pool", "pointwise", "spatial")
"""Kinds of operation: `pointwise` are linear layers and convolutions whose kernel has one element,
`spatial` the other convolutions."""

SETS = tuple(chain.from_iterable(combinations(KINDS, size) for size in range(1, len(KINDS) + 1)))
"""All 15 sets of kinds."""


def count_paths(levels: Levels, operations: Sequence[Node]) -> Float[Tensor, "2 sets"]:
    """Count operations on the ways from an input to the output, for each of `SETS`.

    No way leads through a dead operation, nor from a parameter, such as a class token.

    Args:
        levels: What was computed from what.
        operations: All of the network, once it is known which of them are alive.

    Returns:
        The most and the fewest operations of the set on any way; NaN if there is no way.
    """
    members = {node.name: _member(node) for node in operations if not _is_dead(node)}
    # the way with the fewest is the heaviest if operations weigh less than nothing
    counts = levels.heaviest({name: np.stack([member, -member]) for name, member in members.items()})
    if counts is None:
        return torch.full((2, len(SETS)), torch.nan, dtype=torch.float64)
    return torch.from_numpy(np.abs(np.broadcast_to(counts, (2, len(SETS)))))


def _member(node: Node) -> Float[np.ndarray, " sets"]:
    kind = node.kind
    if kind in ("conv", "linear"):
        kind = "pointwise" if node.sizes["kernel"] == 1 else "spatial"
    return np.array([kind in chosen for chosen in SETS], dtype=float)


def _is_dead(node: Node) -> bool:
    # what runs before the first weight is never judged
    return bool(node.alive) and not any(bool(run) for run in node.alive)
