"""The recording: what is seen of a network while probes run it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from parzc.probing.attention import Projection
from parzc.probing.levels import Levels
from parzc.probing.node import Node, Reader

__all__ = ["OutputOverwrittenError", "Recording"]

Judging = Literal["weights", "outputs"] | None


class OutputOverwrittenError(RuntimeError):
    """A later operation wrote into the output of a recorded one."""


@dataclass(eq=False)
class Recording:
    """The nodes of a network, in order of execution, while probes run it.

    Attributes:
        readers: The statistics of each probe that shares the forward pass.
        clone: Whether outputs are copied.
        original: Whether statistics show the quirks of the originals.
        nodes: The nodes by what they are and name.
        covered: Identities of the weights that nodes have, or are a part of.
        uncovered: Names of parameters and buffers that no node has.
        owners: Which node owns a weight, by the weight's identity: a shared one counts once.
        active: The statistics of the probe whose backward pass runs.
        judging: How that pass decides which nodes are alive: by gradients of `weights`, by those of
            `outputs` only, or not at all.
        judged: Whether any pass did.
        watches_gradients: Whether gradients of outputs are of interest to anybody.
        samples: Inputs in the batch.
        batch_second: Whether sequences have the batch in the second dimension.
        only_maps: Whether nobody wants operations, only the last feature map.
        scalar: The loss, where a probe has it.
        last_map: The last output that still has positions.
        embeddings: Outputs of `nn.Embedding`.
        features: The feature taps, live tensors.
        levels: What was computed from what, if a statistic asks.
    """

    readers: Mapping[str, Sequence[Reader]]
    clone: bool = False
    original: bool = False
    nodes: dict[tuple[str, str], Node] = field(default_factory=dict)
    covered: set[int] = field(default_factory=set)
    uncovered: set[str] = field(default_factory=set)
    owners: dict[int, str] = field(default_factory=dict)
    active: Sequence[Reader] = ()
    judging: Judging = None
    judged: bool = False
    watches_gradients: bool = True
    only_maps: bool = False
    samples: int | None = None
    batch_second: bool = False
    scalar: Tensor | None = None
    last_map: Tensor | None = None
    embeddings: list[Tensor] = field(default_factory=list)
    features: list[tuple[str, Tensor]] = field(default_factory=list)
    operations: int = 0
    _skips: list[tuple[str, Tensor, int]] = field(default_factory=list)
    _channel_dims: dict[torch.Size, int] = field(default_factory=dict)
    _forward: dict[str, list[Reader]] = field(default_factory=dict)
    _reading_now: dict[tuple[str, str], list[Reader]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Note what the statistics are of."""
        self._every = [reader for readers in self.readers.values() for reader in readers]
        self._wanted = {of for reader in self._every for of in reader.of}
        self.levels = Levels() if "graph" in {reader.reads for reader in self._every} else None

    def wants(self, of: str) -> bool:
        """Say whether any statistic is of such nodes."""
        return of in self._wanted

    def forward_readers(self, of: str) -> list[Reader]:
        """List the statistics that read such nodes in the forward pass."""
        if of not in self._forward:
            self._forward[of] = [r for r in self._every if r.reads == "activation" and of in r.of]
        return self._forward[of]

    def reading(self, reads: str, of: str) -> list[Reader]:
        """List the statistics of the running probe that read such nodes at such a moment."""
        key = reads, of
        if key not in self._reading_now:
            self._reading_now[key] = [r for r in self.active if r.reads == reads and of in r.of]
        return self._reading_now[key]

    def listen(self, probe: str, *, judging: Judging = None) -> None:
        """Make a probe the running one, and let it decide which nodes are alive or not."""
        self.active = self.readers.get(probe, ())
        self._reading_now = {}
        self.judging = judging
        self.judged = self.judged or judging is not None

    def owning(self) -> list[Node]:
        """List the nodes that own a weight."""
        return [node for node in self.nodes.values() if node.leaf is not None]

    def weights(self) -> list[Tensor]:
        """List the weights that nodes own, to differentiate with respect to."""
        return [node.leaf for node in self.nodes.values() if node.leaf is not None]

    def node(self, of: str, name: str, kind: str) -> Node:
        """Find a node, or make it."""
        found = self.nodes.get((of, name))
        if found is None:
            found = Node(
                name,
                kind,
                depth=self.operations,
                original=self.original,
                samples=self.samples,
                batch_second=self.batch_second,
            )
            self.nodes[of, name] = found
        return found

    def by_node(self, gradients: Sequence[Tensor | None]) -> dict[str, Tensor]:
        """Give gradients of `weights()` by name of the node.

        Args:
            gradients: One for each weight; None, for a weight that the output does not depend on,
                counts as zero.
        """
        owned = zip(self.owning(), self.weights(), gradients, strict=True)
        return {
            node.name: torch.zeros_like(weight) if gradient is None else gradient.detach()
            for node, weight, gradient in owned
        }

    def read_weights(
        self, gradients: Sequence[Tensor | None], others: Mapping[str, Tensor] | None = None
    ) -> None:
        """Let the statistics read weights and their gradients.

        Args:
            gradients: As for `by_node`.
            others: Gradients of another batch by name of the node.
        """
        readers = self.reading("weight", "operation")
        for name, gradient in self.by_node(gradients).items():
            node = self.nodes["operation", name]
            if self.judging == "weights":
                # the norm is faster than any(), and differs from zero for NaN too
                node.alive = [torch.linalg.vector_norm(gradient) != 0]
            other = {} if others is None else {"other_grad": others[name]}
            node.read(readers, weight_grad=gradient, **other)

    def release(self) -> None:
        """Forget what holds tensors of the run."""
        for node in self.nodes.values():
            node.leaf = node.module = None
        self.features, self.embeddings, self.last_map, self._skips = [], [], None, []

    def run_operation(
        self,
        name: str,
        kind: str,
        module: nn.Module | Projection,
        inputs: Tensor,
        output: Tensor,
        *,
        in_attention: bool,
    ) -> None:
        """Record one run of an operation.

        Args:
            name: The module's name.
            kind: The node's kind.
            module: The module, or what stands for it.
            inputs: What it got.
            output: What it gave.
            in_attention: Whether the module is part of an attention module.
        """
        node = self.nodes.get(("operation", name))
        if node is None:
            node = self.node("operation", name, kind)
            self.operations += 1
            node.in_attention = in_attention
            weight = getattr(module, "weight", None)
            if isinstance(weight, Tensor):
                self.covered.add(id(weight if weight._base is None else weight._base))
                self.covered.update(id(source) for source in _sources(module))
                if self.owners.setdefault(id(weight), name) == name:
                    node.leaf = weight
        node.module = module
        if self.levels is not None:
            self.levels.mark(output, name)
        node.measure_operation(module, inputs, output)
        self._channel_dims[output.shape] = node.channel_dim
        self._show(node, inputs, output)

    def run_activation(self, name: str, inputs: Tensor, output: Tensor) -> None:
        """Record one run of an activation."""
        node = self.node("activation", name, "activation")
        node.measure(inputs, output, self.channel_dim(output))
        self._show(node, inputs, output)

    def keep_features(self, features: Iterable[tuple[str, Tensor]]) -> None:
        """Make nodes of the blocks between successive feature taps."""
        self.features = list(features)
        previous: Tensor | None = None
        for name, feature in self.features:
            node = self.node("block", name, "block")
            before = feature if previous is None else previous
            node.measure(before, feature, self.channel_dim(feature))
            node.sizes["in_channels"] = before.shape[self.channel_dim(before)]
            self._show(node, before, feature)
            previous = feature

    def channel_dim(self, output: Tensor) -> int:
        """Guess which dimension counts channels, from operations whose outputs have that shape."""
        return self._channel_dims.get(output.shape, 1 if output.dim() > 3 else output.dim() - 1)

    def _show(self, node: Node, inputs: Tensor, output: Tensor) -> None:
        seen = {"input": inputs.detach(), "output": output.detach()}
        node.read(self.forward_readers(node.of), **seen)
        if not output.requires_grad or not self.watches_gradients:
            return
        if node.kind == "skip" and not self.clone:
            self._skips.append((node.name, seen["output"], output._version))
        if node.of == "operation" and node.leaf is None:
            hook = self._reading_gradient(node, torch.linalg.vector_norm(seen["output"]) != 0)
        elif node.of == "operation" or self._gradient_readers(node.of):
            hook = self._reading(
                node, seen["input"], seen["output"].clone() if self.clone else seen["output"]
            )
        elif self._has_rows(node.of):
            hook = self._reading_gradient(node, torch.ones((), dtype=torch.bool, device=output.device))
        else:
            return
        output.register_hook(hook)  # type: ignore[no-untyped-call]

    def _gradient_readers(self, of: str) -> bool:
        if of == "block":  # read by the probe itself, block by block
            return False
        return any(reader.reads == "output_gradient" and of in reader.of for reader in self._every)

    def _has_rows(self, of: str) -> bool:
        return any(reader.total is None and of in reader.of for reader in self._every)

    def _reading_gradient(self, node: Node, influences: Tensor) -> Callable[[Tensor], None]:
        """Read the gradient alone: keeping more would hold tensors that the graph lets go."""

        def read_gradient(gradient: Tensor) -> None:
            if self.judging:
                node.alive.append(influences & (torch.linalg.vector_norm(gradient) != 0))
            if node.of == "operation":
                node.read(self.reading("output_gradient", node.of), output_grad=gradient.detach())

        return read_gradient

    def check_skips(self) -> None:
        """Notice after the forward pass what no gradient will tell: a skip that was overwritten.

        Raises:
            OutputOverwrittenError: If an output that is a view of its input was.
        """
        for name, output, version in self._skips:
            if output._version != version:
                raise OutputOverwrittenError(name)
        self._skips = []

    def _reading(self, node: Node, inputs: Tensor, output: Tensor) -> Callable[[Tensor], None]:
        version = output._version

        def read_gradient(gradient: Tensor) -> None:
            readers = self.reading("output_gradient", node.of)
            if not readers and not self.judging:
                return
            if output._version != version:
                raise OutputOverwrittenError(node.name)
            gradient = gradient.detach()
            if self.judging == "outputs":
                influences = torch.linalg.vector_norm(inputs) != 0
                node.alive.append(influences & (torch.linalg.vector_norm(gradient) != 0))
            node.read(readers, input=inputs, output=output, output_grad=gradient)

        return read_gradient


def _sources(module: nn.Module | Projection) -> list[Tensor]:
    """List the parameters that a parametrised weight is made of."""
    parametrizations = getattr(module, "parametrizations", {})
    return list(parametrizations["weight"].parameters()) if "weight" in parametrizations else []
