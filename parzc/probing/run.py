"""Run probes: each forward pass once, and whatever is differentiated in it."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from parzc.probing import draws
from parzc.probing.node import Node, Reader
from parzc.probing.passes import Pass, Task, absolute_weights, failing_in, on_batch, run_pass
from parzc.probing.paths import count_block_paths, count_paths
from parzc.probing.probes import PROBES
from parzc.probing.recording import OutputOverwrittenError, Recording

__all__ = ["run_probes"]

Readers = Mapping[str, Sequence[Reader]]
_EPSILON = 0.01


def run_probes(task: Task, readers: Readers) -> list[Recording]:
    """Run probes, each forward pass once.

    Args:
        task: The network.
        readers: The statistics by name of the probe; a probe that others need may have none.

    Returns:
        One recording a forward pass.

    Raises:
        RuntimeError: If the network fails while it runs.
    """
    recordings = []
    for forward in dict.fromkeys(probe.forward for probe in PROBES if probe.name in readers):
        shared = {
            probe.name: readers[probe.name]
            for probe in PROBES
            if probe.forward == forward and probe.name in readers
        }
        recordings.append(_run_forward(task, shared, "two_batches" in readers))
    return recordings


def _run_forward(task: Task, readers: Readers, two: bool) -> Recording:
    """Run a forward pass and its probes; again in another way for networks that need it."""
    try:
        return _attempt(task, readers, two, clone=False)
    except OutputOverwrittenError:
        return _attempt(task, readers, two, clone=True)
    except RuntimeError:
        if "synflow_bn" in readers and task.copies == 1:
            task.copies = 2  # batch normalisation of vectors refuses a batch of one
        elif task.channels_last:
            task.channels_last = False  # `view` refuses tensors with the channels last
        else:
            raise
        return _run_forward(task, readers, two)


def _attempt(task: Task, readers: Readers, two: bool, *, clone: bool) -> Recording:
    if "synflow" in readers or "synflow_bn" in readers:
        (name,) = readers
        done = absolute_weights(task, readers, batch_norm=name == "synflow_bn", clone=clone)
        with failing_in(done.recording):
            _differentiate_weights(done, name, done.logits.sum() / len(done.inputs))
    elif "two_batches" in readers:
        done = _two_batches(task, readers, clone=clone)
    else:
        to_inputs = "input_jacobian" in readers or "label_logits" in readers or _of_output(readers)
        outputs = to_inputs or "loss_gradient" in readers
        done = on_batch(task, task.batch, readers, to_inputs=to_inputs, outputs=outputs, clone=clone)
        with failing_in(done.recording):
            _differentiate(done, readers, keep_gradients=two and task.second_batch is not None)
    recording = done.recording
    recording.uncovered = {name for name, t in done.tensors.items() if id(t) not in recording.covered}
    # the graph's hooks hold the recording, and a cycle would keep all activations alive
    recording.release()
    return recording


def _of_output(readers: Readers) -> bool:
    return any("output" in reader.of for found in readers.values() for reader in found)


def _differentiate(done: Pass, readers: Readers, *, keep_gradients: bool) -> None:
    with torch.enable_grad():
        for name in readers:
            if name in _BACKWARD:
                whole = "loss_gradient" not in readers and name != "block_jacobian"
                done.recording.listen(name, judging="outputs" if whole else None)
                _BACKWARD[name](done)
            elif name == "loss_gradient" and done.task.differentiates_loss:
                _differentiate_loss(done, hessian="hessian_gradient" in readers, keep=keep_gradients)
    if "perturbation" in readers:
        _perturb(done)


def _differentiate_loss(done: Pass, *, hessian: bool, keep: bool) -> None:
    task, recording = done.task, done.recording
    if recording.levels is not None:
        recording.levels.trace(_leaves(done), done.logits)
    loss = task.loss(done.logits, done.labels)
    gradients = _differentiate_weights(done, "loss_gradient", loss, create_graph=hessian)
    recording.scalar = loss.detach()
    _read_graph(recording)
    if keep:
        task.gradients = recording.by_node(gradients)
    if hessian:
        recording.listen("hessian_gradient")
        known = [found for found in gradients if found is not None and found.requires_grad]
        product = sum(((found.detach() * found).sum() for found in known), torch.zeros(()))
        curvature = (
            torch.autograd.grad(product, recording.weights(), allow_unused=True)
            if known
            else [None] * len(gradients)
        )
        recording.read_weights(curvature)


def _differentiate_weights(
    done: Pass, probe: str, scalar: Tensor, *, create_graph: bool = False
) -> Sequence[Tensor | None]:
    recording = done.recording
    recording.listen(probe, judging="weights")
    weights = recording.weights()
    gradients: Sequence[Tensor | None] = ()
    if weights:
        gradients = torch.autograd.grad(scalar, weights, allow_unused=True, create_graph=create_graph)
    recording.read_weights(gradients)
    return gradients


def _read_graph(recording: Recording) -> None:
    """Let statistics read the graph, once it is known which operations are alive."""
    if recording.levels is None:
        return
    recording.levels.read(recording.owning(), recording.reading("graph", "operation"))
    if readers := recording.reading("graph", "output"):
        operations = [node for (of, _), node in recording.nodes.items() if of == "operation"]
        recording.node("output", "", "output").read(
            readers,
            paths=count_paths(recording.levels, operations),
            block_paths=count_block_paths(recording.levels, operations),
        )


def _two_batches(task: Task, readers: Readers, *, clone: bool) -> Pass:
    """Differentiate the loss of the second batch, or of both halves of the only one."""
    batches = [task.second_batch] if task.second_batch is not None else _halves(task)
    for batch in batches:
        done = on_batch(task, batch, readers, to_inputs=False, outputs=False, clone=clone)
        recording = done.recording
        with failing_in(recording):
            loss = task.loss(done.logits, done.labels)
            gradients = torch.autograd.grad(loss, recording.weights(), allow_unused=True)
        if batch is batches[-1]:
            recording.listen("two_batches")
            recording.read_weights(gradients, task.gradients)
        else:
            task.gradients = recording.by_node(gradients)
            recording.release()
    return done


def _halves(task: Task) -> list[tuple[Tensor, Tensor]]:
    inputs, labels = task.batch
    half = len(inputs) // 2
    if not half:
        raise ValueError(
            "statistics of two batches need a second batch, or at least two inputs in the only one."
        )
    return [(inputs[:half], labels[:half]), (inputs[half : 2 * half], labels[half : 2 * half])]


def _to_inputs(done: Pass, scalar: Tensor) -> tuple[Tensor, Tensor] | None:
    """Pull a scalar back to the inputs, or to the first embedding of inputs that are token numbers."""
    leaf = next(iter(_leaves(done)), None)
    if leaf is None:
        return None
    (gradient,) = torch.autograd.grad(scalar, leaf, retain_graph=True, allow_unused=True)
    return leaf.detach(), _or_zero(gradient, leaf)


def _leaves(done: Pass) -> list[Tensor]:
    return [done.inputs] if done.inputs.is_floating_point() else done.recording.embeddings


def _or_zero(gradient: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if gradient is None else gradient


def _input_jacobian(done: Pass) -> None:
    found = _to_inputs(done, done.logits.sum())
    if found is not None:
        node = done.recording.node("input", "", "input")
        node.read(done.recording.reading("output_gradient", "input"), output=found[0], output_grad=found[1])


def _label_logits(done: Pass) -> None:
    if done.logits.dim() == 2:
        _to_inputs(done, done.logits.gather(1, done.labels[:, None]).sum())


def _block_jacobian(done: Pass) -> None:
    recording = done.recording
    readers = recording.reading("output_gradient", "block")
    features = recording.features
    for index in range(len(features) - 1, 0, -1):
        before, (name, after) = features[index - 1][1], features[index]
        if not (before.requires_grad and after.requires_grad):
            continue
        # in the feature's own memory format
        signs = torch.empty_like(after).copy_(draws.rademacher(index, after.shape, after))
        (gradient,) = torch.autograd.grad(after, before, signs, retain_graph=True, allow_unused=True)
        if gradient is not None:
            tensors = {"input": before.detach(), "output": after.detach()}
            recording.node("block", name, "block").read(
                readers, **tensors, input_grad=gradient, output_grad=signs
            )


def _sample_logits(done: Pass) -> None:
    weights = [tensor for name, tensor in done.tensors.items() if "weight" in name and tensor.requires_grad]
    rows = []
    for logits in done.logits:
        gradients = torch.autograd.grad(logits.sum(), weights, retain_graph=True, allow_unused=True)
        rows.append(torch.cat([_or_zero(g, w).flatten() for g, w in zip(gradients, weights, strict=True)]))
    node = done.recording.node("input", "", "input")
    node.read(
        done.recording.reading("output_gradient", "input"),
        output=done.inputs.detach(),
        output_grad=torch.stack(rows),
    )


def _perturb(done: Pass) -> None:
    recording = done.recording
    recording.listen("perturbation")
    first = recording.last_map
    if first is None or not done.inputs.is_floating_point():
        return
    noise = draws.standard_normal(done.inputs.shape, done.inputs)
    tensors = {name: tensor.detach() for name, tensor in done.tensors.items()}
    silent = Recording({"perturbation": recording.active}, original=recording.original, only_maps=True)
    run_pass(done.task, tensors, done.inputs.detach() + _EPSILON * noise, silent)
    if silent.last_map is not None:
        node = recording.node("map", "", "map")
        node.read(recording.reading("activation", "map"), input=first, output=silent.last_map)
    for node in _norms(recording.nodes.values()):
        variance = tensors.get(f"{node.name}.running_var")
        if variance is not None:
            node.read(recording.reading("activation", "norm"), output=variance)


def _norms(nodes: Iterable[Node]) -> list[Node]:
    return [node for node in nodes if node.kind == "norm"]


_BACKWARD: dict[str, Callable[[Pass], None]] = {
    "input_jacobian": _input_jacobian,
    "block_jacobian": _block_jacobian,
    "label_logits": _label_logits,
    "sample_logits": _sample_logits,
}
