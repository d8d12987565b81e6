"""Record what every operation of a network sees while the network runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Protocol

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


class Reader(Protocol):
    """What the recorder needs of a statistic."""

    @property
    def name(self) -> str: ...
    @property
    def reads(self) -> str: ...
    @property
    def weighted(self) -> bool: ...
    def __call__(self, node: "Node") -> Tensor: ...


@dataclass(eq=False)
class Node:
    """One operation as the running network shows it to the statistics.

    Tensors are present only while the statistics that read them are called. A module that runs
    several times is one node: its weight gradient is that of all runs, and what is read off
    activations is averaged over the runs.

    Attributes:
        name: The module's name.
        kind: `conv`, `linear`, `pool` or `skip`.
        depth: Place in the order of execution.
        weight: The weight the probe used; None where there is none, or where another node owns it.
        weight_grad: Gradient of the probe's scalar with respect to `weight`.
        input: Input of the run at hand.
        output: Output of the run at hand.
        output_grad: Gradient of the probe's scalar with respect to `output`.
        channel_dim: The dimension of `output` that counts channels.
        sizes: The numbers of `parzc.probing.table.NodeInfo`.
        values: What the statistics gave, a list over runs.
        alive: Whether any gradient through the node differs from zero.
    """

    name: str
    kind: str
    depth: int
    weight: Tensor | None = None
    weight_grad: Tensor | None = None
    input: Tensor | None = None
    output: Tensor | None = None
    output_grad: Tensor | None = None
    channel_dim: int = 1
    sizes: dict[str, int] = field(default_factory=dict)
    values: dict[str, list[Tensor]] = field(default_factory=dict)
    alive: list[Tensor] = field(default_factory=list)
    _moments: tuple[Tensor, Tensor] | None = None

    def output_moments(self) -> tuple[Tensor, Tensor]:
        """Give variance and mean of the output, computed once for all who ask.

        Raises:
            ValueError: Outside the forward pass.
        """
        if self.output is None:
            raise ValueError(f"{self.name}: the output is there in the forward pass only.")
        if self._moments is None:
            mean = self.output.mean()
            # two passes over memory, and still 20 times faster on a CPU than torch.var_mean
            self._moments = (self.output - mean).norm().square() / self.output.numel(), mean
        return self._moments

    def read(self, readers: Sequence[Reader]) -> None:
        """Call statistics and keep their values."""
        for reader in readers:
            if self.weight is not None or not reader.weighted:
                self.values.setdefault(reader.name, []).append(reader(self))


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

    def weighted(self) -> list[Node]:
        """List the nodes that own a weight."""
        return [node for node in self.nodes.values() if node.weight is not None]

    def read_weights(self, gradients: Sequence[Tensor | None]) -> None:
        """Let the statistics read weights and their gradients.

        Args:
            gradients: One for each of `weighted()`; None, for a weight that the output does not
                depend on, counts as zero.
        """
        for node, gradient in zip(self.weighted(), gradients, strict=True):
            assert node.weight is not None
            node.weight_grad = torch.zeros_like(node.weight) if gradient is None else gradient
            node.alive = [node.weight_grad.norm() != 0]  # faster than any(), and true for NaN
            node.read(self.readers["weight"])
            node.weight_grad = None
        for node in self.nodes.values():
            node.weight = None

    def _run(self, name: str, kind: str, module: nn.Module, inputs: Tensor, output: Tensor) -> None:
        node = self.nodes.get(name)
        if node is None:
            node = self.nodes[name] = Node(name, kind, depth=len(self.nodes))
            weight = getattr(module, "weight", None)
            if isinstance(weight, Tensor) and self.owners.setdefault(id(weight), name) == name:
                node.weight = weight
        _measure(node, module, inputs, output)
        node.input, node.output = inputs.detach(), output.detach()
        node.read(self.readers["activation"])
        node.input = node.output = node._moments = None
        if output.requires_grad:
            kept = output.detach().clone() if self.clone else output.detach()
            output.register_hook(self._backward(node, kept, output))

    def _backward(self, node: Node, kept: Tensor, output: Tensor) -> Callable[[Tensor], None]:
        version = output._version
        influences = kept.norm() != 0 if node.weight is None else None

        def read_gradient(gradient: Tensor) -> None:
            if not self.clone and kept._version != version:
                raise OutputOverwrittenError(node.name)
            node.output, node.output_grad = kept, gradient
            if influences is not None:
                node.alive.append(influences & (gradient.norm() != 0))
            node.read(self.readers["output_gradient"])
            node.output = node.output_grad = None

        return read_gradient


@contextmanager
def record(
    network: nn.Module, readers: Sequence[Reader], *, clone: bool = False
) -> Iterator[Recording]:
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
            if getattr(module, "inplace", False) is True:
                module.inplace = False  # type: ignore[assignment]
                undo.callback(setattr, module, "inplace", True)
            kind = next((kind for kind, types in KINDS if isinstance(module, types)), None)
            if kind is not None:
                undo.callback(module.register_forward_hook(_hook(recording, name, kind)).remove)
        yield recording


def _hook(
    recording: Recording, name: str, kind: str
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def forward(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor):
            recording._run(name, kind, module, inputs[0], output)

    return forward


def _measure(node: Node, module: nn.Module, inputs: Tensor, output: Tensor) -> None:
    last = node.kind == "linear" or (node.kind == "skip" and output.dim() < 4)
    node.channel_dim = output.dim() - 1 if last else 1
    channels = output.shape[node.channel_dim]
    per_input = output.numel() // output.shape[0]
    weights = 0 if node.weight is None else node.weight.numel()
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
