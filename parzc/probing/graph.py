"""Questions to the graph that autograd keeps of a forward pass."""

from collections import deque
from typing import Any

from torch import Tensor
from torch.autograd.graph import get_gradient_edge

__all__ = ["reaches"]


def reaches(start: Tensor, goal: Tensor, *, around: Tensor | None = None, unknown: bool = True) -> bool:
    """Tell whether one tensor was computed from another.

    Args:
        start: The later tensor.
        goal: The earlier one.
        around: Only ways that do not pass this tensor count.
        unknown: The answer where the graph cannot say, because it does not record `goal`.

    Returns:
        True if some gradient of `start` would arrive at `goal`.
    """
    barrier = None if around is None else _node(around)
    first, last = _node(start), _node(goal)
    if barrier is not None and (first is barrier or last is barrier):
        return False
    if start is goal or (first is not None and first is last):
        return True
    if last is None:
        return unknown
    seen, waiting = {first, barrier}, deque([] if first is None else [first])
    # nodes are numbered in the order in which they are made: those before the goal do not depend on it
    oldest = last._sequence_nr() if goal.grad_fn is not None else -1
    while waiting:
        for node, _ in waiting.popleft().next_functions:
            if node is last:
                return True
            if node is not None and node not in seen and node._sequence_nr() >= oldest:
                seen.add(node)
                waiting.append(node)
    return False


def _node(tensor: Tensor) -> Any:
    return get_gradient_edge(tensor).node if tensor.requires_grad else None
