"""Hook the modules of a network, so that a recording sees what they do."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from parzc.probing.activations import is_activation
from parzc.probing.attention import Projection, visible_projections
from parzc.probing.blocks import watch_blocks
from parzc.probing.node import kind_of_operation
from parzc.probing.recording import Recording

__all__ = ["Surveyed", "record", "survey"]


@dataclass(frozen=True)
class Surveyed:
    """What is known of a module before the network runs.

    Attributes:
        name: Its name.
        module: The module.
        kind: The kind of operation it is, if it is one.
        in_attention: Whether it is part of an attention module.
        whole: Whether there is no module inside.
    """

    name: str
    module: nn.Module
    kind: str | None
    in_attention: bool
    whole: bool


def survey(network: nn.Module) -> list[Surveyed]:
    """List the modules of a network, once for all passes: walking them takes time in small networks."""
    found: list[Surveyed] = []
    attention: set[str] = set()
    for name, module in network.named_modules():
        parent, _, last = name.rpartition(".")
        words = (last + "/" + type(module).__name__).lower()
        if parent in attention or "attention" in words or "attn" in words:
            attention.add(name)
        whole = next(module.children(), None) is None
        found.append(Surveyed(name, module, kind_of_operation(module), name in attention, whole))
    return found


@contextmanager
def record(
    network: nn.Module,
    recording: Recording,
    modules: Sequence[Surveyed],
    blocks: Sequence[str] | None = None,
) -> Iterator[None]:
    """Watch a network for the duration of a `with` block.

    Recorded are convolutions, linear layers, pooling and `nn.Identity`, the projections of
    `nn.MultiheadAttention`, and whatever else the statistics ask for. Functional operations have no
    module and are not seen. Flags that make activations work in place are off inside the block, so
    that a node's output is still there in the backward pass.

    Args:
        network: Gets hooks, which are removed at the end.
        recording: Fills up as the network runs. With `clone`, every output is copied, for networks
            that overwrite tensors by other means; without it such a network raises
            `OutputOverwrittenError` in the backward pass.
        modules: What `survey` found.
        blocks: The feature taps, if blocks are wanted; None finds them.
    """
    recording.batch_second = any(
        isinstance(found.module, nn.MultiheadAttention) and not found.module.batch_first for found in modules
    )
    with ExitStack() as undo:
        for found in modules:
            _hook_module(found, recording, undo)

        def project(name: str, module: Projection, inputs: Tensor, output: Tensor) -> Tensor:
            recording.run_operation(name, "linear", module, inputs, output, in_attention=True)
            return output

        if any(isinstance(found.module, nn.MultiheadAttention) for found in modules):
            undo.enter_context(visible_projections(network, project))
        if not recording.wants("block"):
            yield
            return
        taps = undo.enter_context(watch_blocks(network, blocks))
        yield
        recording.keep_features(taps.features())


def _hook_module(found: Surveyed, recording: Recording, undo: ExitStack) -> None:
    module, name = found.module, found.name
    if module.__dict__.get("inplace") is True:
        setattr(module, "inplace", False)  # noqa: B010  (no attribute that a type checker knows)
        undo.callback(setattr, module, "inplace", True)
    hooks: list[Callable[..., Tensor | None]] = []
    if found.kind is not None and not recording.only_maps:
        hooks.append(_operation_hook(recording, name, found.kind, found.in_attention))
    if recording.wants("activation") and _shows_activation(module, recording.original):
        hooks.append(_activation_hook(recording, name))
    if found.whole and recording.wants("map"):
        hooks.append(_map_hook(recording))
    if isinstance(module, _BatchNorm) and recording.wants("norm"):
        hooks.append(_norm_hook(recording, name))
    if isinstance(module, nn.Embedding):
        hooks.append(_embedding_hook(recording))
    for hook in hooks:
        undo.callback(module.register_forward_hook(hook).remove)


def _shows_activation(module: nn.Module, original: bool) -> bool:
    # the original looks for the letters in the class name, and so finds ReLUConvBN too, and no GELU
    return "ReLU" in type(module).__name__ if original else is_activation(module)


def _operation_hook(
    recording: Recording, name: str, kind: str, in_attention: bool
) -> Callable[[nn.Module, tuple[object, ...], object], Tensor | None]:
    def forward(module: nn.Module, inputs: tuple[object, ...], output: object) -> Tensor | None:
        if not inputs or not isinstance(inputs[0], Tensor) or not isinstance(output, Tensor):
            return None
        seen = output
        if output is inputs[0]:  # `nn.Identity`: a view or copy has a gradient of its own
            seen = output.clone() if recording.clone else output.view_as(output)
        recording.run_operation(name, kind, module, inputs[0], seen, in_attention=in_attention)
        return seen

    return forward


def _activation_hook(recording: Recording, name: str) -> Callable[..., None]:
    def forward(_: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor):
            recording.run_activation(name, inputs[0], output)

    return forward


def _map_hook(recording: Recording) -> Callable[..., None]:
    def forward(_: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if isinstance(output, Tensor) and output.dim() > 2 and max(output.shape[2:]) > 1:
            recording.last_map = output.detach()

    return forward


def _norm_hook(recording: Recording, name: str) -> Callable[..., None]:
    def forward(module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        recording.node("norm", name, "norm").module = module

    return forward


def _embedding_hook(recording: Recording) -> Callable[..., None]:
    def forward(_: nn.Module, inputs: tuple[object, ...], output: Tensor) -> None:
        recording.embeddings.append(output)

    return forward
