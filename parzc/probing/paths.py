"""How many operations of a kind lie on the ways through a network."""

from collections.abc import Iterable, Sequence
from itertools import chain, combinations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from parzc.probing.levels import Levels, block_of
from parzc.probing.node import Node

__all__ = ["BLOCK_KINDS", "BLOCK_SETS", "KINDS", "SETS", "count_block_paths", "count_paths"]

KINDS = ("skip", "pool", "pointwise", "spatial")
"""Kinds of operation: `pointwise` are linear layers and convolutions whose kernel has one element,
`spatial` the other convolutions."""

SETS = tuple(chain.from_iterable(combinations(KINDS, size) for size in range(1, len(KINDS) + 1)))
"""All 15 sets of kinds."""

BLOCK_KINDS = ("skip", "pool", "pointwise", "small", "large")
"""The same with spatial convolutions apart: `small` with at most nine elements in the kernel, or `large`."""

BLOCK_SETS = tuple(chain.from_iterable(combinations(BLOCK_KINDS, size) for size in range(1, 6)))
"""All 31 sets of them."""

_SMALL = 9
_TOGETHER = 16
"""Blocks that are followed at once: more take more memory, fewer more time."""


def count_paths(levels: Levels, operations: Sequence[Node]) -> Float[Tensor, "2 sets"]:
    """Count operations on the ways from an input to the output, for each of `SETS`.

    No way leads through a dead operation, nor from a parameter, such as a class token.

    Args:
        levels: What was computed from what.
        operations: All of the network, once it is known which of them are alive.

    Returns:
        The most and the fewest operations of the set on any way; NaN if there is no way.
    """
    members = {node.name: _member(node, SETS) for node in operations if not _is_dead(node)}
    # the way with the fewest is the heaviest if operations weigh less than nothing
    counts = levels.heaviest({name: np.stack([member, -member]) for name, member in members.items()})
    if counts is None:
        return torch.full((2, len(SETS)), torch.nan, dtype=torch.float64)
    return torch.from_numpy(np.abs(np.broadcast_to(counts, (2, len(SETS)))))


def count_block_paths(levels: Levels, operations: Sequence[Node]) -> Float[Tensor, " sets"]:
    """Count operations of a typical block on the ways from input to output, for each of `BLOCK_SETS`.

    Blocks are the members of a list of modules, the one with most that are alive; a network without any
    list is one block. Ways are those of `count_paths`; on each only the operations of one block count.

    Args:
        levels: What was computed from what.
        operations: All of the network, once it is known which of them are alive.

    Returns:
        The most operations of the set on any way, the median over live blocks; NaN if there is no way.
    """
    alive = [node for node in operations if not _is_dead(node)]
    blocks = {node.name: block_of(node.name) for node in alive}
    chosen = _longest_list(dict.fromkeys(blocks[node.name] for node in alive if node.alive))
    if not chosen:
        blocks, chosen = dict.fromkeys(blocks, ""), [""]
    members = {node.name: _member(node, BLOCK_SETS) for node in alive}
    counts = []
    for at in range(0, len(chosen), _TOGETHER):
        part = np.array(chosen[at : at + _TOGETHER])
        most = levels.heaviest({name: np.outer(part == blocks[name], members[name]) for name in members})
        if most is not None:
            counts.append(np.broadcast_to(most, (len(part), len(BLOCK_SETS))))
    if not counts:
        return torch.full((len(BLOCK_SETS),), torch.nan, dtype=torch.float64)
    return torch.from_numpy(np.median(np.concatenate(counts), axis=0))


def _longest_list(blocks: Iterable[str]) -> list[str]:
    lists: dict[str, list[str]] = {}
    for block in blocks:
        whole, _, place = block.rpartition(".")
        if place.isdecimal():
            lists.setdefault(whole, []).append(block)
    return max(lists.values(), key=len, default=[])


def _member(node: Node, sets: Sequence[Sequence[str]]) -> Float[np.ndarray, " sets"]:
    kinds = {node.kind}
    if node.kind in ("conv", "linear"):
        size = node.sizes["kernel"]
        kinds = {"pointwise"} if size == 1 else {"spatial", "small" if size <= _SMALL else "large"}
    return np.array([not kinds.isdisjoint(chosen) for chosen in sets], dtype=float)


def _is_dead(node: Node) -> bool:
    # what runs before the first weight is never judged
    return bool(node.alive) and not any(bool(run) for run in node.alive)
