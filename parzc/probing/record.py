"""Record what every operation of a network sees while the network runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

__all__ = ["Node", "OutputOverwrittenError", "Reader", "Recording", "record"]

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


class OutputOverwrittenError(RuntimeError):
    """A later operation wrote into the output of a recorded one."""


@runtime_checkable
class Reader(Protocol):
    """What the recorder needs of a statistic: see `parzc.probing.statistic.Statistic`."""

    @property
    def name(self) -> str:
        """The key of its values."""

    @property
    def reads(self) -> str:
        """When it is called."""

    @property
    def weighted(self) -> bool:
        """Whether it is for nodes with a weight only."""

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
    """One operation as the running network shows it to the statistics.

    Tensors are present only while the statistics that read them are called. A module that runs
    several times is one node: its weight gradient is that of all runs, and what is read off
    activations is averaged over the runs.

    Args:
        name: The module's name.
        kind: `conv`, `linear`, `pool` or `skip`.
        depth: Place in the order of execution.

    Attributes:
        weight: The weight the probe used, detached; of a shared one only the first node has it.
        weight_grad: Gradient of the probe's scalar with respect to `weight`.
        input: Input of the run at hand.
        output: Output of the run at hand.
        output_grad: Gradient of the probe's scalar with respect to `output`.
        channel_dim: The dimension of `output` that counts channels.
        sizes: The numbers of `parzc.probing.table.NodeInfo`.
        values: What the statistics gave, a list over runs.
        alive: Whether any gradient through the node differs from zero, a list over runs.
        tensors: The tensors that are there at the moment.
    """

    weight = _Momentary()
    weight_grad = _Momentary()
    input = _Momentary()
    output = _Momentary()
    output_grad = _Momentary()

    def __init__(self, name: str, kind: str, depth: int) -> None:
        self.name = name
        self.kind = kind
        self.depth = depth
        self.channel_dim = 1
        self.leaf: Tensor | None = None
        self.sizes: dict[str, int] = {}
        self.values: dict[str, list[Tensor]] = {}
        self.alive: list[Tensor] = []
        self.tensors: dict[str, Tensor] = {}
        self._moments: tuple[Tensor, Tensor] | None = None

    def output_moments(self) -> tuple[Tensor, Tensor]:
        """Give variance and mean of the output, computed once for all who ask."""
        if self._moments is None:
            mean = self.output.mean()
            # two passes over memory, and still 20 times faster on a CPU than torch.var_mean
            self._moments = (self.output - mean).norm().square() / self.output.numel(), mean
        return self._moments

    def read(self, readers: Sequence[Reader], **tensors: Tensor) -> None:
        """Call statistics and keep their values.

        Args:
            readers: The statistics.
            tensors: What they may read now, by the names of the attributes.
        """
        if self.leaf is not None:
            tensors["weight"] = self.leaf.detach()
        self.tensors, self._moments = tensors, None
        for reader in readers:
            if self.leaf is not None or not reader.weighted:
                self.values.setdefault(reader.name, []).append(reader(self))
        self.tensors, self._moments = {}, None


@dataclass(eq=False)
class Recording:
    """The nodes of a network, in order of execution, while a probe runs it.

    Attributes:
        readers: The statistics by what they read.
        clone: Whether outputs are copied.
        nodes: The nodes by name.
        owners: Which node owns a weight, by the weight's identity: a shared one counts once.
        scalar: What the probe differentiates.
    """

    readers: Mapping[str, Sequence[Reader]]
    clone: bool = False
    nodes: dict[str, Node] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)
    scalar: Tensor | None = None

    def weights(self) -> list[Tensor]:
        """List the weights that nodes own, to differentiate with respect to."""
        return [node.leaf for node in self.nodes.values() if node.leaf is not None]

    def read_weights(self, gradients: Sequence[Tensor | None]) -> None:
        """Let the statistics read weights and their gradients.

        Args:
            gradients: One for each of `weights()`; None, for a weight that the output does not
                depend on, counts as zero.
        """
        remaining = iter(gradients)
        for node in self.nodes.values():
            if node.leaf is None:
                continue
            found = next(remaining)
            gradient = torch.zeros_like(node.leaf) if found is None else found
            # the norm is faster than any(), and differs from zero for NaN too
            node.alive = [torch.linalg.vector_norm(gradient) != 0]
            node.read(self.readers["weight"], weight_grad=gradient)
            node.leaf = None

    def run(self, name: str, kind: str, module: nn.Module, inputs: Tensor, output: Tensor) -> None:
        """Record one run of a module.

        Args:
            name: The module's name.
            kind: The node's kind.
            module: The module.
            inputs: What it got.
            output: What it gave.
        """
        node = self.nodes.get(name)
        if node is None:
            node = self.nodes[name] = Node(name, kind, depth=len(self.nodes))
            weight = getattr(module, "weight", None)
            if isinstance(weight, Tensor) and self.owners.setdefault(id(weight), name) == name:
                node.leaf = weight
        _measure(node, module, inputs, output)
        node.read(self.readers["activation"], input=inputs.detach(), output=output.detach())
        if output.requires_grad:
            kept = output.detach().clone() if self.clone else output.detach()
            output.register_hook(self._reading(node, kept))  # type: ignore[no-untyped-call]

    def _reading(self, node: Node, output: Tensor) -> Callable[[Tensor], None]:
        version = output._version
        influences = torch.linalg.vector_norm(output) != 0 if node.leaf is None else None

        def read_gradient(gradient: Tensor) -> None:
            if output._version != version:
                raise OutputOverwrittenError(node.name)
            if influences is not None:
                node.alive.append(influences & (torch.linalg.vector_norm(gradient) != 0))
            node.read(self.readers["output_gradient"], output=output, output_grad=gradient)

        return read_gradient


@contextmanager
def record(network: nn.Module, readers: Sequence[Reader], *, clone: bool = False) -> Iterator[Recording]:
    """Watch a network for the duration of a `with` block.

    Recorded are convolutions, linear layers, pooling and `nn.Identity`. Functional operations have
    no module and are not seen. Flags that make activations work in place are off inside the block,
    so that a node's output is still there in the backward pass.

    Args:
        network: Gets hooks, which are removed at the end.
        readers: The statistics to evaluate.
        clone: Copy every output, for networks that overwrite tensors by other means; without it
            such a network raises `OutputOverwrittenError` in the backward pass.

    Yields:
        The recording, which fills up as the network runs.
    """
    moments = ("activation", "output_gradient", "weight")
    recording = Recording({m: [r for r in readers if r.reads == m] for m in moments}, clone)
    with ExitStack() as undo:
        for name, module in network.named_modules():
            if module.__dict__.get("inplace") is True:
                module.inplace = False
                undo.callback(setattr, module, "inplace", True)
            kind = next((kind for kind, types in KINDS if isinstance(module, types)), None)
            if kind is not None:
                undo.callback(module.register_forward_hook(_hook(recording, name, kind)).remove)
        yield recording


def _hook(
    recording: Recording, name: str, kind: str
) -> Callable[[nn.Module, tuple[object, ...], object], Tensor | None]:
    def forward(module: nn.Module, inputs: tuple[object, ...], output: object) -> Tensor | None:
        if not inputs or not isinstance(inputs[0], Tensor) or not isinstance(output, Tensor):
            return None
        # `nn.Identity` returns its very input: a view of it has a gradient of its own
        seen = output.view_as(output) if output is inputs[0] else output
        recording.run(name, kind, module, inputs[0], seen)
        return seen

    return forward


def _measure(node: Node, module: nn.Module, inputs: Tensor, output: Tensor) -> None:
    last = node.kind == "linear" or (node.kind == "skip" and output.dim() < 4)
    node.channel_dim = output.dim() - 1 if last else 1
    channels = output.shape[node.channel_dim]
    per_input = output.numel() // output.shape[0]
    weights = 0 if node.leaf is None else node.leaf.numel()
    size = getattr(module, "kernel_size", 1 if node.kind == "linear" else 0)
    kernel = prod(size) if isinstance(size, tuple) else int(size) ** _dimensions(node.kind, output)
    if node.kind == "pool":
        flops = per_input * kernel
    elif isinstance(module, CONVOLUTIONS[3:]):
        flops = weights * (inputs.numel() // inputs.shape[0] // inputs.shape[1])
    else:
        flops = weights * (per_input // channels)
    node.sizes = {
        "weights": weights,
        "flops": node.sizes.get("flops", 0) + flops,
        "kernel": kernel,
        "spatial": per_input // channels,
        "in_channels": inputs.shape[-1 if last else 1],
        "out_channels": channels,
        "depth": node.depth,
    }


def _dimensions(kind: str, output: Tensor) -> int:
    return output.dim() - 2 if kind == "pool" else 1
