"""Find the blocks of a network, for the statistics that read it block by block.

A block is what lies between two successive feature taps. A tap is written `name`, the output of that
module, or `name:input`, its input.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from torch import Tensor, nn

from parzc.probing.graph import Point, reaches
from parzc.probing.structure import (
    Call,
    candidates,
    descend,
    is_layer_norm,
    is_over_tokens,
    is_stage,
    plain,
    residual_streams,
)

__all__ = ["Features", "watch_blocks"]

Tap = tuple[str, Tensor]


class Features(Protocol):
    """What a watched forward pass gives."""

    def features(self) -> list[Tap]:
        """List taps and their live tensors, in order of execution, after the forward pass.

        A tap that ran several times is `name`, `name#2`, … Successive tensors may be one and the
        same object: an identity block.
        """


@contextmanager
def watch_blocks(network: nn.Module, taps: Sequence[str] | None = None) -> Iterator[Features]:
    """Keep the features between the blocks of a network for the duration of a `with` block.

    Without `taps`, blocks are the modules in a `ModuleList` or `Sequential` whose members have
    modules of their own, the outermost such container; stages, whose whole result comes from blocks
    inside, are replaced by those blocks. Taps are

    * over feature maps, what enters the first block (unless it is the network's own input), then the
      output of every block;
    * over tokens, the output of every block, and before it the residual stream after attention: what
      enters a layer norm directly in the block, if everything passes there;
    * if that gives fewer than two, the outputs of activation modules; without any, those of
      convolutions and linear layers.

    No taps are features on a side branch (each is computed from the one before), vectors where
    there are maps, the network's own output, and tensors that the network overwrites later.

    Args:
        network: Gets hooks, which are removed at the end. Enter this block after whatever else
            hooks the network and changes outputs.
        taps: The taps, in any order; None to find them.

    Yields:
        The features, after one forward pass with gradients enabled; a second one starts anew.

    Raises:
        LookupError: If the network has no such module.
        ValueError: If `taps` is empty, or (from `features`) one did not run, gave no tensor, or a
            tensor that the network overwrites later.

    Source:
        The taps of Lee & Ham, CVPR 2024 (AZ-NAS), for NAS-Bench-201, AutoFormer and MobileNetV2.
        Deviation: without containers all activations on the way count, as the network's topology
        does not say which of them end a layer.
    """
    with ExitStack() as undo:
        watched = _Found(network, undo) if taps is None else _Named(network, taps, undo)
        yield watched


class _Named:
    """Taps that the user chose."""

    def __init__(self, network: nn.Module, taps: Sequence[str], undo: ExitStack) -> None:
        if not taps:
            raise ValueError("blocks should name one tap or more, such as `stem` or `head:input`, got none.")
        self.taps = tuple(dict.fromkeys(taps))
        self.seen: list[tuple[str, Point]] = []
        modules = {name: module for name, module in network.named_modules(remove_duplicate=False) if name}
        undo.callback(self._start)
        undo.callback(_hook(network, self._start, before=True))
        for tap in self.taps:
            name, _, side = tap.partition(":")
            if name not in modules or side not in ("", "input") or tap.endswith(":"):
                raise LookupError(_no_such_tap(tap, name, list(modules)))
            undo.callback(_hook(modules[name], self._keep(tap), before=side == "input"))

    def features(self) -> list[Tap]:
        ran = {tap for tap, _ in self.seen}
        for tap in self.taps:
            if tap not in ran:
                raise ValueError(f"the tap {tap!r} saw no tensor: its module did not run, or not on one.")
        for tap, point in self.seen:
            if not point.intact:
                raise ValueError(f"the tap {tap!r} is overwritten after it ran; name one before or after it.")
        return _numbered(self.seen)

    def _start(self, _: object = None) -> None:
        self.seen = []

    def _keep(self, tap: str) -> Callable[[object], None]:
        def keep(value: object) -> None:
            if (point := _first_point(value)) is not None:
                self.seen.append((tap, point))

        return keep


def _no_such_tap(tap: str, name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    hint = f", did you mean {close[0]!r}?" if close else "."
    return f"a tap is the name of a module, or `name:input`; the network has no {tap!r}{hint}"


class _Found:
    """Taps found by structure, before the network runs, and by what depends on what, afterwards."""

    def __init__(self, network: nn.Module, undo: ExitStack) -> None:
        undo.callback(self._start)
        self._start()
        undo.callback(_hook(network, self._enter_network, before=True))
        for name, module in candidates(network).items():
            undo.callback(_hook(module, self._enter(name, module), before=True))
            for child_name, child in module.named_children():
                if is_layer_norm(child):
                    hook = child.register_forward_hook(self._norm(f"{name}.{child_name}:input", module))
                    undo.callback(hook.remove)
            undo.callback(_hook(module, self._leave))
        for name, module in plain(network):
            undo.callback(_hook(module, self._keep(name)))
        undo.callback(_hook(network, self._leave_network))

    def features(self) -> list[Tap]:
        """Choose the taps of the last forward pass."""
        found = [self._select(taps) for taps in (self._blocks(), self._plain)]
        enough = [taps for taps in found if len(taps) > 1]
        return _numbered(enough[0] if enough else max(found, key=len))

    def _start(self) -> None:
        self._root = Call("", nn.Identity(), None)
        self._running = [self._root]
        self._of_blocks: set[type[nn.Module]] = set()
        self._plain: list[tuple[str, Point]] = []

    def _enter_network(self, inputs: object) -> None:
        self._start()
        self._root.inputs = _first_point(inputs)

    def _leave_network(self, output: object) -> None:
        self._root.output = _first_point(output)

    def _enter(self, name: str, module: nn.Module) -> Callable[[object], None]:
        def enter(inputs: object) -> None:
            self._running.append(Call(name, module, _first_point(inputs)))

        return enter

    def _leave(self, output: object) -> None:
        call = self._running.pop()
        call.output = _first_point(output)
        whole = call.inputs is not None and call.output is not None
        if whole and call.inner and (type(call.module) in self._of_blocks or not is_stage(call)):
            self._of_blocks.add(type(call.module))
            call.inner = []  # nobody will ask: let go of the tensors inside, which the graph may not need
        self._running[-1].inner += [call] if whole else call.inner

    def _norm(self, tap: str, owner: nn.Module) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def norm(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if self._running[-1].module is owner and inputs and isinstance(inputs[0], Tensor):
                self._running[-1].norms.append((tap, Point(inputs[0]), output))

        return norm

    def _keep(self, name: str) -> Callable[[object], None]:
        def keep(output: object) -> None:
            if (point := _first_point(output)) is not None:
                self._plain.append((name, point))

        return keep

    def _blocks(self) -> list[tuple[str, Point]]:
        taps: list[tuple[str, Point]] = []
        for call in descend(self._root.inner, self._of_blocks):
            assert call.inputs is not None
            assert call.output is not None
            if is_over_tokens(call.module, call.output.tensor):
                taps += residual_streams(call)
            elif not taps and not _is_same_memory(call.inputs, self._root.inputs):
                taps.append((f"{call.name}:input", call.inputs))
            taps.append((call.name, call.output))
        return taps

    def _select(self, taps: list[tuple[str, Point]]) -> list[tuple[str, Point]]:
        """Drop what is overwritten, on a side branch, the network's output, or a mere vector."""
        later, kept, widest = self._root.output, [], 1
        for name, point in reversed(taps):
            tensor = point.tensor
            positions = tensor.shape[2:].numel() if tensor.dim() > 2 else 1
            is_output = self._root.output is not None and tensor is self._root.output.tensor
            # a gate, such as those of squeeze and excitation, has one position in the midst of many
            if is_output or not point.intact or positions == 1 < widest:
                continue
            if later is None or reaches(later, point):
                kept.append((name, point))
                later, widest = point, max(widest, positions)
        vectors = all(point.tensor.dim() < 3 for _, point in kept)
        return [(name, point) for name, point in reversed(kept) if vectors or point.tensor.dim() > 2]


def _hook(module: nn.Module, see: Callable[[object], None], *, before: bool = False) -> Callable[[], None]:
    def enter(_: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        see((*args, *options.values()))

    def leave(_: nn.Module, args: tuple[Any, ...], output: object) -> None:
        see(output)

    if before:
        return module.register_forward_pre_hook(enter, with_kwargs=True).remove
    return module.register_forward_hook(leave).remove


def _first_point(value: object) -> Point | None:
    parts: object = (value,) if isinstance(value, Tensor) else value
    if isinstance(parts, Mapping):
        parts = tuple(parts.values())
    if not isinstance(parts, Iterable):
        return None
    return next((Point(part) for part in parts if isinstance(part, Tensor)), None)


def _is_same_memory(point: Point, other: Point | None) -> bool:
    if other is None:
        return False
    return point.tensor.untyped_storage().data_ptr() == other.tensor.untyped_storage().data_ptr()


def _numbered(taps: list[tuple[str, Point]]) -> list[Tap]:
    count: dict[str, int] = {}
    numbered: list[Tap] = []
    for name, point in taps:
        count[name] = count.get(name, 0) + 1
        numbered.append((name if count[name] == 1 else f"{name}#{count[name]}", point.tensor))
    return numbered
