"""The declaration of a statistic."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from parzc.probing.node import Node
from parzc.probing.probes import Probe

__all__ = ["Statistic", "statistic"]

Reads = Literal["activation", "output_gradient", "weight", "graph"]
Of = Literal["operation", "activation", "block", "input", "map", "norm", "output"]
Total = Callable[[Sequence[Tensor]], Tensor | Mapping[str, Tensor]]


@dataclass(frozen=True)
class Statistic:
    """A number read off one node, or made of what is read off all nodes.

    Attributes:
        name: The function's name, which is the file's name and the table's column.
        function: From a node to a scalar; to any tensor if there is a `total`.
        probe: The way of running the network that makes what the function reads.
        reads: When the function is called, and so what it may read: `activation` in the forward
            pass (input and output), `output_gradient` in the backward pass (gradient of the output,
            and input and output of nodes with a weight), `weight` after it (weight and weight
            gradient), `graph` last of all (level, paths). Tensors are dropped as soon as the last reader has
            been called.
        of: The nodes it is read from: `operation` (convolution, linear layer, pooling, skip),
            `activation` (modules such as ReLU), `block` (what lies between two feature taps), `input`
            (of the network), `map` (the network's last feature map), `norm` (batch normalisation) or
            `output` (of the network, for what its graph says).
        weighted: Whether it is defined for nodes with a weight only.
        total: From the function's results, in order of execution, to one value of the network as a
            whole; the statistic then has no column but an entry in `Table.network`. Several values
            are a mapping: `most` of the statistic `paths` becomes the entry `paths.most`.
    """

    name: str
    function: Callable[[Node], Tensor]
    probe: Probe
    reads: Reads
    of: tuple[Of, ...]
    weighted: bool
    total: Total | None

    def __call__(self, node: Node) -> Tensor:
        """Evaluate the statistic on a node."""
        return self.function(node)


def statistic(
    *,
    probe: Probe,
    reads: Reads = "weight",
    of: Of | tuple[Of, ...] = "operation",
    weighted: bool | None = None,
    total: Total | None = None,
) -> Callable[[Callable[[Node], Tensor]], Statistic]:
    """Declare a function of one node as a statistic.

    Args:
        probe: The probe it reads, from `parzc.probing.probes`.
        reads: What it reads of the node, see `Statistic`.
        of: Which nodes, see `Statistic`.
        weighted: False if it is defined for pooling and skips as well; by default True for
            operations.
        total: See `Statistic`.

    Returns:
        A decorator that turns the function into a `Statistic`.
    """
    kinds: tuple[Of, ...] = (of,) if isinstance(of, str) else of
    needs_weight = kinds == ("operation",) if weighted is None else weighted

    def declare(function: Callable[[Node], Tensor]) -> Statistic:
        return Statistic(function.__name__, function, probe, reads, kinds, needs_weight, total)

    return declare
