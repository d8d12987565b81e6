"""What a search space offers."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from parzc.probing.table import Architecture

__all__ = ["Space", "draw"]


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
