"""Probes: the ways to run a network once.

A probe runs the network on its weights as they are, or on values derived from them, without touching
the network: parameters and buffers are replaced by leaves of the probe's own for one call.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from parzc.probing.record import OutputOverwrittenError, Reader, Recording, record

__all__ = ["Batch", "Loss", "Probe", "loss_gradient", "synflow"]

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
Probe = Callable[[nn.Module, Batch, Sequence[Reader], Loss], Recording]


def loss_gradient(
    network: nn.Module, batch: Batch, readers: Sequence[Reader], loss: Loss = F.cross_entropy
) -> Recording:
    """Run one training step's forward and backward pass on a mini-batch.

    Batch normalisation uses the batch's statistics. Weights are used as they are, in their own
    precision.

    Args:
        network: From the batch's inputs to logits.
        batch: Inputs and class labels.
        readers: The statistics to evaluate on each node.
        loss: From logits and labels to a scalar.

    Returns:
        The recording, with the loss as the probe's scalar.

    Raises:
        RuntimeError: If the network fails; the message says how far it came.
    """
    inputs, labels = batch
    tensors = _replace(network, lambda p: p.detach().requires_grad_(), lambda b: b.detach().clone())
    return _forward_backward(network, tensors, inputs, readers, lambda logits: loss(logits, labels))


def synflow(
    network: nn.Module, batch: Batch, readers: Sequence[Reader], loss: Loss = F.cross_entropy
) -> Recording:
    """Run the network of absolute weights on an image of ones.

    Every parameter and buffer is replaced by its absolute value in float64, batch normalisation is
    left out, and the scalar is the sum of the logits, which can reach 1e67.

    Args:
        network: From the batch's inputs to logits.
        batch: Only the shape of its inputs is used.
        readers: The statistics to evaluate on each node.
        loss: Not used.

    Returns:
        The recording, with the sum of the logits as the probe's scalar.

    Raises:
        RuntimeError: If the network fails; the message says how far it came.

    Source:
        Tanaka et al., NeurIPS 2020, in the form of Abdelfattah et al., ICLR 2021.
    """
    tensors = _replace(network, lambda p: p.detach().double().abs().requires_grad_(), _absolute_buffer)
    ones = torch.ones_like(batch[0][:1], dtype=torch.float64)
    with _without_batch_norm(network):
        return _forward_backward(network, tensors, ones, readers, torch.sum)


def _replace(
    network: nn.Module, parameter: Callable[[Tensor], Tensor], buffer: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """Make the tensors of a probe, one for each name; names of a shared tensor share its replacement."""
    made: dict[int, Tensor] = {}
    tensors: dict[str, Tensor] = {}
    for name, p in network.named_parameters(remove_duplicate=False):
        tensors[name] = made[id(p)] = made[id(p)] if id(p) in made else parameter(p)
    for name, b in network.named_buffers(remove_duplicate=False):
        tensors[name] = made[id(b)] = made[id(b)] if id(b) in made else buffer(b)
    return tensors


def _absolute_buffer(buffer: Tensor) -> Tensor:
    return buffer.detach().double().abs() if buffer.is_floating_point() else buffer.detach().clone()


def _forward_backward(
    network: nn.Module,
    tensors: dict[str, Tensor],
    inputs: Tensor,
    readers: Sequence[Reader],
    scalar: Callable[[Tensor], Tensor],
) -> Recording:
    try:
        return _run(network, tensors, inputs, readers, scalar, clone=False)
    except OutputOverwrittenError:
        return _run(network, tensors, inputs, readers, scalar, clone=True)


def _run(
    network: nn.Module,
    tensors: dict[str, Tensor],
    inputs: Tensor,
    readers: Sequence[Reader],
    scalar: Callable[[Tensor], Tensor],
    *,
    clone: bool,
) -> Recording:
    with _repeatable(network, inputs), record(network, readers, clone=clone) as recording:
        try:
            # shared tensors are tied by `_replace` already
            logits = functional_call(network, tensors, (inputs,), tie_weights=False)
            if not isinstance(logits, Tensor):
                raise TypeError(
                    f"the network should return a tensor of logits, got {type(logits).__name__};"
                    " wrap it in a module that returns the logits only."
                )
            result = scalar(logits)
            weights = recording.weights()
            gradients = torch.autograd.grad(result, weights, allow_unused=True) if weights else ()
        except OutputOverwrittenError:
            raise
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            reached = f", the last was {list(recording.nodes)[-1]!r}" if recording.nodes else ""
            raise RuntimeError(
                f"the network failed in a probe: ran {len(recording.nodes)} nodes{reached}: {error}"
            ) from error
        # detached: the graph's hooks hold the recording, and a cycle would keep all activations alive
        recording.scalar = result.detach()
        recording.read_weights(gradients)
    return recording


@contextmanager
def _repeatable(network: nn.Module, inputs: Tensor) -> Iterator[None]:
    devices = [inputs.device] if inputs.is_cuda else []
    evaluating = [module for module in network.modules() if not module.training]
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
def _without_batch_norm(network: nn.Module) -> Iterator[None]:
    with ExitStack() as undo:
        for module in network.modules():
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
