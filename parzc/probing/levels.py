"""What was computed from what: how deep an operation lies, and ways through the network."""

import functools
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from parzc.probing.node import Node, Reader

__all__ = ["Levels", "block_of"]


class Levels:
    """Follows what was computed from what in the graph that autograd keeps of a forward pass."""

    def __init__(self) -> None:
        self._marks: dict[Any, str] = {}
        self._steps: list[tuple[str | None, list[int]]] = []
        self._starts: set[int] = set()

    def mark(self, output: Tensor, name: str) -> None:
        """Note which operation a tensor is the output of.

        Args:
            output: Live, as the operation gave it.
            name: The operation.
        """
        if output.requires_grad:
            self._marks[get_gradient_edge(output).node] = name

    def trace(self, starts: Sequence[Tensor], end: Tensor) -> None:
        """Walk from the end of a network to its inputs, while the graph is whole.

        What is multiplied by the number zero, the customary `none`, leads nowhere.

        Args:
            starts: The inputs; those that the graph does not record are no starts.
            end: What the network gave.
        """
        first = {get_gradient_edge(start).node for start in starts if start.requires_grad}
        places: dict[Any, int] = {}
        waiting = [(get_gradient_edge(end).node, False)] if end.requires_grad else []
        while waiting:
            node, followed = waiting.pop()
            if node in places:
                continue
            before = [] if _is_zero(node) else [earlier for earlier, _ in node.next_functions if earlier]
            if followed:
                places[node] = len(self._steps)
                if node in first:
                    self._starts.add(len(self._steps))
                self._steps.append((self._marks.get(node), [places[earlier] for earlier in before]))
            else:
                waiting.append((node, True))
                waiting += [(earlier, False) for earlier in before]
        self._marks = {}

    def read(self, nodes: Sequence[Node], readers: Sequence[Reader]) -> None:
        """Let statistics read the levels.

        Args:
            nodes: Operations, which know whether they are alive.
            readers: The statistics.
        """
        if not readers:
            return
        alive = {node.name for node in nodes if any(bool(run) for run in node.alive)}
        levels = self.count(alive)
        within: dict[str, int] = {}
        for block in dict.fromkeys(block_of(node.name) for node in nodes):
            inside = {node.name for node in nodes if block_of(node.name) == block}
            counted = self.count(alive & inside)
            within |= {name: counted.get(name, 0) for name in inside}
        for node in nodes:
            level, block_level = levels.get(node.name, 0), within[node.name]
            node.read(readers, level=torch.tensor(float(level)), block_level=torch.tensor(float(block_level)))

    def count(self, alive: Container[str]) -> dict[str, int]:
        """Count the operations of the longest chain up to each.

        Args:
            alive: The operations that count.

        Returns:
            For each operation on a way to the end, how many of `alive` the longest chain from an input
            holds, itself included.
        """
        levels: dict[str, int] = {}
        longest: list[int] = []
        for name, before in self._steps:
            level = max((longest[place] for place in before), default=0) + (name in alive)
            longest.append(level)
            if name is not None:
                levels[name] = max(level, levels.get(name, 0))
        return levels

    def heaviest(
        self, weights: Mapping[str, Float[np.ndarray, "*columns"]]
    ) -> Float[np.ndarray, "*columns"] | None:
        """Find the heaviest way from an input to the end, for several weights at once.

        Args:
            weights: What one run of each operation weighs, one number a column; no way leads through
                operations that are not listed.

        Returns:
            The weight of the heaviest way of each column; None if there is no way.
        """
        heaviest: list[Float[np.ndarray, "*columns"] | None] = []
        for place, (name, before) in enumerate(self._steps):
            ways = [way for earlier in before if (way := heaviest[earlier]) is not None]
            if place in self._starts:
                ways.append(np.zeros(()))
            longest = functools.reduce(np.maximum, ways) if ways else None
            if name is not None and longest is not None:
                longest = longest + weights[name] if name in weights else None
            heaviest.append(longest)
        return heaviest[-1] if heaviest else None


def _is_zero(node: Any) -> bool:
    if type(node).__name__ != "MulBackward0":
        return False
    factors = (node._saved_self, node._saved_other)
    return any(factor is not None and factor.ndim == 0 and not factor for factor in factors)


@functools.cache  # a search asks it of the same few names again and again
def block_of(name: str) -> str:
    """Name the module that counts as the block an operation lies in.

    >>> block_of("cells.3.ops.1.conv"), block_of("head")
    ('cells.3', 'head')

    Args:
        name: The operation's name.

    Returns:
        The name up to its first number: a member of the outermost list of modules.
    """
    parts = name.split(".")
    first = next((place for place, part in enumerate(parts) if part.isdecimal()), len(parts))
    return ".".join(parts[: first + 1])
