"""The structure of a network: which modules are its blocks.

Before it runs, by containers; afterwards by what was computed from what.
"""

from collections.abc import Set
from dataclasses import dataclass, field

from torch import Tensor, nn

from parzc.probing.activations import is_activation
from parzc.probing.graph import Point, reaches

__all__ = [
    "Call",
    "candidates",
    "descend",
    "is_layer_norm",
    "is_over_tokens",
    "is_stage",
    "plain",
    "residual_streams",
]

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(eq=False)
class Call:
    """One run of a module that may be a block.

    Attributes:
        name: The module's name.
        module: The module.
        inputs: The first tensor that it got.
        output: The first tensor that it gave.
        norms: For each layer norm directly inside the tap, what it got and what it gave.
        inner: Runs of candidates inside.
    """

    name: str
    module: nn.Module
    inputs: Point | None
    output: Point | None = None
    norms: list[tuple[str, Point, object]] = field(default_factory=list)
    inner: list["Call"] = field(default_factory=list)


def candidates(network: nn.Module) -> dict[str, nn.Module]:
    """List the modules that may be blocks.

    Args:
        network: Any.

    Returns:
        By name, the members of every `ModuleList` or `Sequential` whose members have modules of
        their own; of one with other members too, such as pooling, at least two that have.
    """
    found: dict[str, nn.Module] = {}
    for name, container in network.named_modules():
        if isinstance(container, nn.ModuleList | nn.Sequential):
            members = {f"{name}.{key}".lstrip("."): module for key, module in container.named_children()}
            runnable = {key: m for key, m in members.items() if not isinstance(m, nn.ModuleList)}
            composite = {key: m for key, m in runnable.items() if any(True for _ in m.children())}
            if composite and all(key in composite or _is_odd(m) for key, m in runnable.items()):
                found |= runnable
            elif len(composite) > 1:
                found |= composite
    return found


def _is_odd(leaf: nn.Module) -> bool:
    """Tell whether a module without parts may stand for a block: a block left out, or homemade."""
    return isinstance(leaf, nn.Identity) or not type(leaf).__module__.startswith("torch.nn.")


def plain(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """List the modules whose outputs are taps where there are no blocks.

    Args:
        network: Any.

    Returns:
        Names and modules: activations, or, if there are neither these nor candidates for blocks,
        convolutions and linear layers.
    """
    activations = [(name, module) for name, module in network.named_modules() if is_activation(module)]
    if activations or candidates(network):
        return activations
    kinds = (*_CONVOLUTIONS, nn.Linear)
    return [(name, module) for name, module in network.named_modules() if isinstance(module, kinds)]


def is_layer_norm(module: nn.Module) -> bool:
    """Tell whether a module is a layer norm or an RMS norm, of `torch.nn` or by its class's name."""
    return isinstance(module, nn.LayerNorm) or type(module).__name__.endswith(("LayerNorm", "RMSNorm"))


def descend(calls: list[Call], of_blocks: Set[type[nn.Module]] = frozenset()) -> list[Call]:
    """Replace stages by their blocks; modules of one class are all stages or all blocks.

    A stage is a module whose result is all computed by the blocks inside, one after another. A
    residual block with layers in a container is none: its shortcut goes around them.

    Args:
        calls: The outermost runs, in order of execution.
        of_blocks: Classes known to be no stages.

    Returns:
        The runs of blocks, in order of execution.
    """
    while True:
        holders = [call for call in calls if call.inner]
        blocks = set(of_blocks)
        for call in holders:
            if type(call.module) not in blocks and not is_stage(call):
                blocks.add(type(call.module))
        stages = [call for call in holders if type(call.module) not in blocks]
        if not stages:
            return calls
        calls = [part for call in calls for part in (call.inner if call in stages else [call])]


def is_stage(call: Call) -> bool:
    """Tell whether the result of a run is all computed by the candidates inside, one after another."""
    assert call.inputs is not None
    assert call.output is not None
    last: Point | None = None
    for block in call.inner:
        assert block.inputs is not None
        if last is not None and not reaches(block.inputs, last, around=call.inputs):
            return False
        last = block.output
    return not reaches(call.output, call.inputs, around=last, unknown=False)


def residual_streams(call: Call) -> list[tuple[str, Point]]:
    """List the inputs of layer norms in a block that all of its result comes from.

    Args:
        call: One run of a block.

    Returns:
        Taps and points in order of execution; not the block's own input, nor what enters a layer
        norm whose output is the block's.
    """
    assert call.inputs is not None
    assert call.output is not None
    start, end = call.inputs.tensor, call.output.tensor
    taps: list[tuple[str, Point]] = []
    for tap, point, normed in call.norms:
        x = point.tensor
        known = x is start or normed is end or any(x is other.tensor for _, other in taps)
        # a layer norm behind a change of width or resolution is that of an embedding
        if known or x.shape != start.shape:
            continue
        if not reaches(call.output, call.inputs, around=point, unknown=False):
            taps.append((tap, point))
    return taps


def is_over_tokens(block: nn.Module, output: Tensor) -> bool:
    """Tell tokens, with the channels last, from feature maps and vectors.

    Args:
        block: A module.
        output: What it gave.

    Returns:
        True for tokens: three dimensions, or four with a layer norm over the last, and no
        convolution in the block that gives as many channels as the second dimension has.
    """
    if output.dim() < 3:
        return False
    modules = list(block.modules())
    convolutions = [m for m in modules if isinstance(m, _CONVOLUTIONS) and m.weight.dim() == output.dim()]
    if any(m.out_channels == output.shape[1] for m in convolutions):
        return False
    width = output.shape[-1]
    norms = [m for m in modules if isinstance(m, nn.LayerNorm) and m.normalized_shape[-1] == width]
    return output.dim() == 3 or bool(norms)
