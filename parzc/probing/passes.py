"""Forward passes: the ways to run a network once, without touching it.

A pass runs the network on its weights as they are, or on values derived from them: parameters and buffers are
replaced by leaves of the pass's own for one call. Several probes can share a pass.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from parzc.probing.node import Reader
from parzc.probing.record import Surveyed, record, survey
from parzc.probing.recording import OutputOverwrittenError, Recording
from parzc.probing.second_order import cheap_batch_norm

__all__ = ["Batch", "Loss", "Pass", "Task", "absolute_weights", "failing_in", "on_batch", "run_pass"]

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(eq=False)
class Task:
    """One network to read, and what it is read with.

    Attributes:
        network: From inputs to logits.
        batch: Inputs and labels.
        loss: From logits and labels to a scalar.
        second_batch: Another batch, for statistics that compare two.
        blocks: Feature taps named by the user.
        original: Whether to show the quirks of the originals.
        differentiates_loss: Whether `loss_gradient` has a backward pass, which also tells the nodes
            that are alive; without, it only shows what statistics read in the forward pass.
        channels_last: Whether feature maps may lie in memory with the channels last, which makes
            convolutions on a CPU faster; off for a network that cannot.
        copies: Of the input of ones, over which `synflow_bn` takes the mean: two where batch
            normalisation refuses a batch of one, otherwise one, which gives the same.
        gradients: Gradients of the loss by node, kept for statistics that compare two batches.
    """

    network: nn.Module
    batch: Batch
    loss: Loss
    second_batch: Batch | None = None
    blocks: Sequence[str] | None = None
    original: bool = False
    differentiates_loss: bool = True
    channels_last: bool = True
    copies: int = 1
    gradients: dict[str, Tensor] = field(default_factory=dict)

    @cached_property
    def parameters(self) -> list[tuple[str, Tensor]]:
        """The parameters of the network, under all their names."""
        return list(self.network.named_parameters(remove_duplicate=False))

    @cached_property
    def buffers(self) -> list[tuple[str, Tensor]]:
        """The buffers of the network, under all their names."""
        return list(self.network.named_buffers(remove_duplicate=False))

    @cached_property
    def modules(self) -> list[Surveyed]:
        """The modules of the network."""
        return survey(self.network)


@dataclass(eq=False)
class Pass:
    """A forward pass that has run, ready to be differentiated.

    Attributes:
        task: Whose.
        recording: What was seen.
        tensors: The parameters and buffers that it ran on.
        inputs: The inputs, a leaf if anything is differentiated with respect to them.
        labels: The labels.
        logits: What the network gave.
    """

    task: Task
    recording: Recording
    tensors: Mapping[str, Tensor]
    inputs: Tensor
    labels: Tensor
    logits: Tensor


def on_batch(
    task: Task,
    batch: Batch,
    readers: Mapping[str, Sequence[Reader]],
    *,
    to_inputs: bool,
    outputs: bool,
    clone: bool,
) -> Pass:
    """Run the network on a batch, in training mode, on its weights as they are.

    Args:
        task: The network.
        batch: Inputs and labels.
        readers: The statistics by probe.
        to_inputs: Whether inputs are differentiated with respect to.
        outputs: Whether gradients of outputs are of interest to anybody.
        clone: As for `Recording`.

    Returns:
        The pass.

    Raises:
        RuntimeError: If the network fails; the message says how far it came.
    """
    inputs, labels = batch
    tensors = _replace(
        task, lambda p: p.detach().requires_grad_(p.is_floating_point()), lambda b: b.detach().clone()
    )
    inputs = _laid_out(task, inputs)
    if to_inputs and inputs.is_floating_point():
        inputs = inputs.detach().requires_grad_()
    recording = Recording(readers, clone, task.original, watches_gradients=outputs)
    logits = run_pass(task, tensors, inputs, recording)
    return Pass(task, recording, tensors, inputs, labels, logits)


def absolute_weights(
    task: Task, readers: Mapping[str, Sequence[Reader]], *, batch_norm: bool, clone: bool
) -> Pass:
    """Run the network of absolute weights on one input of ones.

    Every parameter and buffer is replaced by its absolute value in float64, in which the logits can
    reach 1e67. Inputs that are token numbers stay what they are, one sample of them.

    Args:
        task: The network; of its batch only the shape is used.
        readers: The statistics by probe.
        batch_norm: Whether batch normalisation stays; otherwise it lets everything through.
        clone: As for `Recording`.

    Returns:
        The pass.

    Raises:
        RuntimeError: If the network fails; the message says how far it came.

    Source:
        Tanaka et al., NeurIPS 2020, in the form of Abdelfattah et al., ICLR 2021.
    """
    double = not task.original
    inputs, labels = (part[:1].repeat_interleave(task.copies, 0) for part in task.batch)

    def absolute(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor.detach().clone()
        return (tensor.detach().double() if double else tensor.detach()).abs()

    tensors = _replace(task, lambda p: absolute(p).requires_grad_(p.is_floating_point()), absolute)
    if inputs.is_floating_point():
        inputs = torch.ones_like(inputs, dtype=torch.float64 if double else None)
    recording = Recording(readers, clone, task.original)
    with ExitStack() as undo:
        if not batch_norm:
            undo.enter_context(_without_batch_norm(task))
        logits = run_pass(task, tensors, inputs, recording)
    return Pass(task, recording, tensors, inputs, labels, logits)


def run_pass(task: Task, tensors: Mapping[str, Tensor], inputs: Tensor, recording: Recording) -> Tensor:
    """Run the network once on replaced tensors.

    Args:
        task: The network.
        tensors: Parameters and buffers by name.
        inputs: What it gets.
        recording: Fills up.

    Returns:
        The logits.

    Raises:
        RuntimeError: If the network fails; the message says how far it came.
        TypeError: If it gives no logits.
    """
    # the fused attention kernels cannot be differentiated twice, and rounding should not depend on
    # whether a statistic that does so was asked for
    with (
        failing_in(recording),
        _repeatable(task, inputs),
        sdpa_kernel(SDPBackend.MATH),
        # a parametrised weight is computed once, so that the recorded one is the one that was used
        parametrize.cached(),
        record(task.network, recording, task.modules, task.blocks),
        ExitStack() as undo,
    ):
        if "hessian_gradient" in recording.readers:
            undo.enter_context(cheap_batch_norm([found.module for found in task.modules]))
        recording.samples = len(inputs)
        # shared tensors are tied by `_replace` already
        logits = _logits_of(functional_call(task.network, dict(tensors), (inputs,), tie_weights=False))
        recording.check_skips()
        return logits


@contextmanager
def failing_in(recording: Recording) -> Iterator[None]:
    """Say how far the network came, if it fails in a `with` block.

    Raises:
        RuntimeError: From whatever was raised.
    """
    try:
        yield
    except OutputOverwrittenError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        names = [name for of, name in recording.nodes if of == "operation"]
        reached = f", the last was {names[-1]!r}" if names else ""
        raise RuntimeError(
            f"the network failed in a probe: ran {len(names)} nodes{reached}: {error}"
        ) from error


def _logits_of(output: object) -> Tensor:
    """Find the logits in what a network returns: a tensor, or an object with a tensor `logits`."""
    logits = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    if not isinstance(logits, Tensor):
        raise TypeError(
            f"the network should return a tensor of logits, got {type(output).__name__};"
            " wrap it in a module that returns the logits only."
        )
    return logits


def _replace(
    task: Task, parameter: Callable[[Tensor], Tensor], buffer: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """Make the tensors of a pass, one for each name; names of a shared tensor share its replacement."""
    made: dict[int, Tensor] = {}
    tensors: dict[str, Tensor] = {}
    for name, p in task.parameters:
        tensors[name] = made[id(p)] = made[id(p)] if id(p) in made else parameter(p)
    for name, b in task.buffers:
        tensors[name] = made[id(b)] = made[id(b)] if id(b) in made else buffer(b)
    return tensors


def _laid_out(task: Task, inputs: Tensor) -> Tensor:
    fits = inputs.dim() == 4 and inputs.dtype == torch.float32 and inputs.device.type == "cpu"
    if not (task.channels_last and fits):
        return inputs
    return inputs.contiguous(memory_format=torch.channels_last)


@contextmanager
def _repeatable(task: Task, inputs: Tensor) -> Iterator[None]:
    devices = [inputs.device] if inputs.is_cuda else []
    evaluating = [found.module for found in task.modules if not found.module.training]
    with torch.random.fork_rng(devices), torch.enable_grad():
        torch.manual_seed(0)  # the same dropout mask in every probe
        for module in evaluating:
            module.training = True
        try:
            yield
        finally:
            for module in evaluating:
                module.training = False


@contextmanager
def _without_batch_norm(task: Task) -> Iterator[None]:
    with ExitStack() as undo:
        for module in (found.module for found in task.modules):
            if isinstance(module, _BatchNorm):
                undo.callback(_restore_forward, module, module.__dict__.get("forward"))
                module.forward = _identity  # type: ignore[method-assign, assignment]
        yield


def _restore_forward(module: nn.Module, forward: Callable[..., Tensor] | None) -> None:
    del module.forward
    if forward is not None:
        module.forward = forward


def _identity(x: Tensor) -> Tensor:
    return x
