"""What a search space offers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from parzc.probing.table import Architecture

__all__ = ["Cost", "Space", "draw", "draw_new"]

_TRIES = 1000


@dataclass(frozen=True)
class Cost:
    """What a network takes.

    Attributes:
        parameters: Elements of all parameters.
        flops: Multiply-accumulates for one input.
    """

    parameters: int
    flops: int


@runtime_checkable
class Space(Protocol):
    """A set of architectures in a notation of its own; the plug-ins are in `parzc/spaces`."""

    def architectures(self) -> Sequence[Architecture]:
        """List the whole space in a stable order; empty where there is no list."""

    def sample(self, n: int, seed: int) -> list[Architecture]:
        """Draw `n` different architectures; a smaller sample is the start of a larger one."""

    def build(self, architecture: Architecture) -> nn.Module:
        """Build the network of one architecture, initialised from the global random state."""

    def canonical(self, architecture: Architecture) -> Architecture:
        """Write architectures that compute the same function in one way; refuse what is none."""

    def mutate(self, architecture: Architecture, generator: Random) -> Architecture:
        """Change an architecture a little, at random, as the space's own literature does."""

    def neighbours(self, architecture: Architecture) -> Sequence[Architecture]:
        """List the architectures that differ in one place."""

    def cost(self, architecture: Architecture) -> Cost:
        """Count parameters and FLOPs, without making weights."""


def draw(space: Sequence[Architecture], n: int, seed: int) -> list[Architecture]:
    """Draw from a list without repetition.

    Args:
        space: All architectures.
        n: How many; at most all.
        seed: The same seed gives the same order: a smaller sample is the start of a larger one.

    Returns:
        The architectures drawn.

    Raises:
        ValueError: If more are asked for than the space holds.
    """
    if n > len(space):
        raise ValueError(f"the space holds {len(space)} architectures, asked for {n}.")
    order = torch.randperm(len(space), generator=torch.Generator().manual_seed(seed))
    return [space[index] for index in order[:n].tolist()]


def draw_new(make: Callable[[Random], Architecture], n: int, seed: int) -> list[Architecture]:
    """Draw from a space that has no list, without repetition.

    Args:
        make: Draws one architecture.
        n: How many.
        seed: The same seed gives the same order: a smaller sample is the start of a larger one.

    Returns:
        Different architectures.

    Raises:
        ValueError: If no new one turns up in a thousand draws, because the space is too small.
    """
    generator = Random(seed)
    found: dict[Architecture, None] = {}
    while len(found) < n:
        known = len(found)
        for _ in range(_TRIES):
            found.setdefault(make(generator))
            if len(found) > known:
                break
        else:
            raise ValueError(f"the space seems to hold {known} architectures only, asked for {n}.")
    return list(found)
