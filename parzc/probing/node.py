"""The node: one thing in a running network that statistics read."""

import re
from collections.abc import Callable, Sequence
from math import prod
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from parzc.probing.attention import Projection

__all__ = ["CONVOLUTIONS", "OPERATIONS", "Node", "Reader", "kind_of_operation"]

CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
POOLS = (
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AvgPool3d,
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.MaxPool3d,
)
KINDS: tuple[tuple[str, tuple[type[nn.Module], ...]], ...] = (
    ("conv", CONVOLUTIONS),
    ("linear", (nn.Linear,)),
    ("pool", POOLS),
    ("skip", (nn.Identity,)),
)
_LINEAR = re.compile(r"linear|dense|conv1d", re.IGNORECASE)
OPERATIONS = tuple(kind for kind, _ in KINDS)
"""The kinds of node that are operations; the others show what operations cannot."""


def kind_of_operation(module: nn.Module) -> str | None:
    """Say which operation a module is, if it is one.

    Args:
        module: Any.

    Returns:
        The kind, that of a linear layer also for other packages' own, such as transformers' `Conv1D`:
        a module with a matrix named `weight` and no module inside, whose class's name says so.
    """
    kind = next((kind for kind, types in KINDS if isinstance(module, types)), None)
    weight = getattr(module, "weight", None) if kind is None else None
    if isinstance(weight, nn.Parameter) and weight.dim() == 2 and next(module.children(), None) is None:
        return "linear" if _LINEAR.search(type(module).__name__) else None
    return kind


@runtime_checkable
class Reader(Protocol):
    """What a recording needs of a statistic: see `parzc.probing.statistic.Statistic`."""

    @property
    def name(self) -> str:
        """The key of its values."""

    @property
    def reads(self) -> str:
        """When it is called."""

    @property
    def of(self) -> tuple[str, ...]:
        """Which nodes it is for."""

    @property
    def weighted(self) -> bool:
        """Whether it is for nodes with a weight only."""

    @property
    def total(self) -> object:
        """How the network's value is made of those of the nodes; None where each has a value itself."""

    def __call__(self, node: "Node") -> Tensor:
        """Evaluate it on a node."""


class _Momentary:
    """A tensor of a node that is there at some moments only."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, node: "Node", owner: type) -> Tensor:
        tensor = node.tensors.get(self.name)
        if tensor is None:
            raise ValueError(
                f"{node.name} has no {self.name} at this moment: declare what the statistic `reads`,"
                " and `weighted=True` if it needs a weight."
            )
        return tensor


class Node:
    """One operation, activation, block, ... as the running network shows it to the statistics.

    Tensors are present only while the statistics that read them are called. A module that runs
    several times is one node: its weight gradient is that of all runs, and what is read off
    activations is averaged over the runs.

    Args:
        name: The module's name.
        kind: `conv`, `linear`, `pool` or `skip` for operations; else `activation`, `block`, `input`,
            `map`, `norm` or `output`.
        depth: Operations that ran before.
        original: Whether statistics should show the quirks of the code they are compared with.
        samples: Inputs in the batch; by default as many as a tensor has rows.
        batch_second: Whether the network's sequences have the batch in the second dimension.

    Attributes:
        weight: The weight the probe used, detached; of a shared one only the first node has it.
        weight_grad: Gradient of the probe's scalar with respect to `weight`.
        other_grad: The same gradient of another batch.
        input: Input of the run at hand.
        output: Output of the run at hand.
        input_grad: Gradient of the probe's scalar with respect to `input`.
        output_grad: Gradient of the probe's scalar with respect to `output`.
        level: Live operations on the longest chain from the input, see `parzc.probing.levels`.
        block_level: Those among them that lie in the node's own block, on the chain with most of them.
        paths: Of the network's output, the most and the fewest live operations of a kind on any way to
            it, see `parzc.probing.paths`.
        block_paths: Of the network's output, the most of a kind in a typical block, see there too.
        channel_dim: The dimension of `output` that counts channels.
        module: The module at hand.
        in_attention: Whether it is part of an attention module.
        sizes: The numbers of `parzc.probing.table.NodeInfo`.
        values: What the statistics gave, a list over runs.
        alive: Whether any gradient through the node differs from zero, a list over runs.
        tensors: The tensors that are there at the moment.
    """

    weight = _Momentary()
    weight_grad = _Momentary()
    other_grad = _Momentary()
    input = _Momentary()
    output = _Momentary()
    input_grad = _Momentary()
    output_grad = _Momentary()
    level = _Momentary()
    block_level = _Momentary()
    paths = _Momentary()
    block_paths = _Momentary()

    def __init__(
        self,
        name: str,
        kind: str,
        depth: int,
        *,
        original: bool = False,
        samples: int | None = None,
        batch_second: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.depth = depth
        self.original = original
        self.samples = samples
        self.batch_second = batch_second
        self.channel_dim = 1
        self.module: nn.Module | Projection | None = None
        self.in_attention = False
        self.leaf: Tensor | None = None
        self.sizes: dict[str, int] = {}
        self.values: dict[str, list[Tensor]] = {}
        self.alive: list[Tensor] = []
        self.tensors: dict[str, Tensor] = {}
        self._shared: dict[str, tuple[Tensor, ...]] = {}

    @property
    def of(self) -> str:
        """The kind in the words of a statistic's declaration."""
        return "operation" if self.kind in OPERATIONS else self.kind

    def by_sample(self, tensor: Tensor) -> Tensor | None:
        """Sort the rows of a tensor by the inputs that they belong to.

        Networks lay the windows of an image, or its tokens, one after another as rows of their own,
        and some have the batch in the second dimension.

        Args:
            tensor: With as many rows as `input` and `output`.

        Returns:
            The tensor itself if each input has one row, the rows of each input in a dimension of
            their own if it has several, the first two dimensions swapped if the batch is second, and
            None if rows cannot be told apart, because what they hold is the same for all inputs.
        """
        rows = len(tensor)
        if self.samples is None or rows == self.samples:
            return tensor
        second = tensor.dim() > 2 and tensor.shape[1] == self.samples
        if rows % self.samples == 0 and not (second and self.batch_second):
            return tensor.reshape(self.samples, -1, *tensor.shape[1:])
        return tensor.transpose(0, 1) if second else None

    def once(self, name: str, make: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        """Compute something once for all statistics that read this moment.

        Args:
            name: What it is.
            make: Computes it.

        Returns:
            What `make` gave the first one who asked.
        """
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]

    def output_moments(self) -> tuple[Tensor, Tensor]:
        """Give variance and mean of the output, computed once for all who ask."""

        def make() -> tuple[Tensor, Tensor]:
            mean = self.output.mean()
            # two passes over memory, and still faster on a CPU than torch.var_mean
            return (self.output - mean).norm().square() / self.output.numel(), mean

        variance, mean = self.once("moments", make)
        return variance, mean

    def weight_product(self) -> Tensor:
        """Give weight times gradient, computed once for all who ask."""
        return self.once("product", lambda: (self.weight * self.weight_grad,))[0]

    def read(self, readers: Sequence[Reader], **tensors: Tensor) -> None:
        """Call statistics and keep their values.

        Args:
            readers: The statistics.
            tensors: What they may read now, by the names of the attributes.
        """
        if self.leaf is not None:
            tensors["weight"] = self.leaf.detach()
        self.tensors, self._shared = tensors, {}
        with torch.no_grad():
            for reader in readers:
                if self.leaf is not None or not reader.weighted:
                    self.values.setdefault(reader.name, []).append(reader(self))
        self.tensors, self._shared = {}, {}

    def _per_input(self, tensor: Tensor) -> int:
        rows = self.by_sample(tensor)
        return tensor.numel() // len(tensor if rows is None else rows)

    def measure(self, inputs: Tensor, output: Tensor, channel_dim: int) -> None:
        """Set the sizes of a node that is no operation."""
        self.channel_dim = channel_dim % output.dim()
        channels = output.shape[self.channel_dim]
        self.sizes = {
            "weights": 0,
            "flops": 0,
            "kernel": 0,
            "spatial": self._per_input(output) // channels,
            "in_channels": inputs.shape[min(self.channel_dim, inputs.dim() - 1)],
            "out_channels": channels,
            "depth": self.depth,
        }

    def measure_operation(self, module: nn.Module | Projection, inputs: Tensor, output: Tensor) -> None:
        """Set the sizes of an operation; multiply-accumulates add up over its runs."""
        last = self.kind == "linear" or (self.kind == "skip" and output.dim() < 4)
        self.channel_dim = output.dim() - 1 if last else 1
        channels = output.shape[self.channel_dim]
        per_input = self._per_input(output)
        weights = 0 if self.leaf is None else self.leaf.numel()
        size = getattr(module, "kernel_size", 1 if self.kind == "linear" else 0)
        dimensions = output.dim() - 2 if self.kind == "pool" else 1
        kernel = prod(size) if isinstance(size, tuple) else int(size) ** dimensions
        if self.kind == "pool":
            flops = per_input * kernel
        elif isinstance(module, CONVOLUTIONS[3:]):
            flops = weights * (self._per_input(inputs) // inputs.shape[1])
        else:
            flops = weights * (per_input // channels)
        self.sizes = {
            "weights": weights,
            "flops": self.sizes.get("flops", 0) + flops,
            "kernel": kernel,
            "spatial": per_input // channels,
            "in_channels": inputs.shape[-1 if last else 1],
            "out_channels": channels,
            "depth": self.depth,
        }
