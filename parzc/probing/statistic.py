"""The declaration of a node statistic."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from parzc.probing.probes import Probe
from parzc.probing.record import Node

__all__ = ["Statistic", "statistic"]

Reads = Literal["activation", "output_gradient", "weight"]


@dataclass(frozen=True)
class Statistic:
    """A number read off one node.

    Attributes:
        name: The function's name, which is the file's name and the table's column.
        function: From a node to a scalar.
        probe: The way of running the network that makes what the function reads.
        reads: When the function is called, and so what it may read: `activation` in the forward
            pass (input and output), `output_gradient` in the backward pass (output and its
            gradient), `weight` after it (weight and weight gradient). Tensors are dropped as soon
            as the last reader has been called.
        weighted: Whether it is defined for nodes with a weight only.
    """

    name: str
    function: Callable[[Node], Tensor]
    probe: Probe
    reads: Reads
    weighted: bool

    def __call__(self, node: Node) -> Tensor:
        """Evaluate the statistic on a node."""
        return self.function(node)


def statistic(
    *, probe: Probe, reads: Reads = "weight", weighted: bool = True
) -> Callable[[Callable[[Node], Tensor]], Statistic]:
    """Declare a function of one node as a statistic.

    Args:
        probe: The probe it reads, from `parzc.probing.probes`.
        reads: What it reads of the node, see `Statistic`.
        weighted: False if it is defined for pooling and skips as well.

    Returns:
        A decorator that turns the function into a `Statistic`.
    """

    def declare(function: Callable[[Node], Tensor]) -> Statistic:
        return Statistic(function.__name__, function, probe, reads, weighted)

    return declare
