"""Questions to the graph that autograd keeps of a forward pass."""

from collections import deque
from typing import Any

from torch import Tensor
from torch.autograd.graph import get_gradient_edge

__all__ = ["Point", "reaches"]


class Point:
    """A tensor as it was when the network passed it.

    Args:
        tensor: Live.

    Attributes:
        tensor: The same; its values, and its place in the graph, change if the network overwrites it.
        node: Its place in the graph at first; None if the graph does not record it.
    """

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.node: Any = get_gradient_edge(tensor).node if tensor.requires_grad else None
        # nodes are numbered in the order in which they are made, but those of leaves come last
        self.age: int = -1 if self.node is None or tensor.grad_fn is None else self.node._sequence_nr()
        self._version = tensor._version

    @property
    def intact(self) -> bool:
        """Whether nothing wrote into the tensor since."""
        return self.tensor._version == self._version


def reaches(start: Point, goal: Point, *, around: Point | None = None, unknown: bool = True) -> bool:
    """Tell whether one tensor was computed from another.

    Args:
        start: The later one.
        goal: The earlier one.
        around: Only ways that do not pass this one count.
        unknown: The answer where the graph cannot say, because it does not record `goal`.

    Returns:
        True if some gradient of `start` would arrive at `goal`.
    """
    barrier = None if around is None else around.node
    if start.tensor is goal.tensor:
        return True
    if barrier is not None and (start.node is barrier or goal.node is barrier):
        return False
    if start.node is not None and start.node is goal.node:
        return True
    if goal.node is None:
        return unknown
    seen, waiting = {start.node, barrier}, deque([] if start.node is None else [start.node])
    while waiting:
        for node, _ in waiting.popleft().next_functions:
            if node is goal.node:
                return True
            # what is older than the goal was not computed from it
            if node is not None and node not in seen and node._sequence_nr() >= goal.age:
                seen.add(node)
                waiting.append(node)
    return False
