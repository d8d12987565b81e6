"""Show the projections inside `nn.MultiheadAttention`, which no module hook sees."""

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Projection", "Run", "visible_projections"]

_SIGNATURE = inspect.signature(nn.MultiheadAttention.forward)


class Projection:
    """One linear map of an attention module, as far as a recorder needs a module.

    Attributes:
        weight: The parameter, or the slice of it, that was used: the same tensor at every run. None
            if the weight belongs to another projection: the module ran as self-attention before, and
            the gradient of its packed weight is that of all runs.
        bias: The bias, or the slice of it, that was used; None if there is none.
    """

    def __init__(self, weight: Tensor | None, bias: Tensor | None) -> None:
        self.weight = weight
        self.bias = bias


Run = Callable[[str, Projection, Tensor, Tensor], Tensor]
"""Sees one run of a projection: its name, itself, input and output, both with the batch first.
What it returns, the output or a view of it, goes on."""


@contextmanager
def visible_projections(network: nn.Module, run: Run) -> Iterator[None]:
    """Compute attention projection by projection for the duration of a `with` block.

    Self-attention (query, key and value are one tensor) shows one projection `NAME.in_proj`, other
    attention `NAME.q_proj`, `NAME.k_proj` and `NAME.v_proj`; both show `NAME.out_proj`. Results
    equal those of the module as it was, up to rounding. Left alone, so that their projections stay
    unseen, are modules with `bias_k` or `add_zero_attn`, and those whose `forward` is not PyTorch's.

    Args:
        network: Its attention modules get another `forward`, which is removed at the end.
        run: Called at each run of a projection.

    Yields:
        Nothing.
    """
    packed = _Packed()
    with ExitStack() as undo:
        for name, module in network.named_modules():
            if isinstance(module, nn.MultiheadAttention) and _is_plain(module):
                undo.callback(delattr, module, "forward")
                module.forward = _Forward(name, module, run, packed)  # type: ignore[method-assign]
        yield


def _is_plain(module: nn.MultiheadAttention) -> bool:
    untouched = "forward" not in module.__dict__ and type(module).forward is nn.MultiheadAttention.forward
    return untouched and module.bias_k is None and module.bias_v is None and not module.add_zero_attn


class _Packed:
    """The packed weights: which were used whole, and the slices of the others.

    Slices are made once, so that the gradient with respect to one is that of all runs. Sources are
    kept, because an identity is one only as long as its owner lives.
    """

    def __init__(self) -> None:
        self._whole: dict[int, Tensor] = {}
        self._slices: dict[int, tuple[Tensor, tuple[Tensor, ...]]] = {}

    def use_whole(self, weight: Tensor) -> bool:
        """Say whether self-attention may use the weight in one piece."""
        if id(weight) in self._slices:
            return False
        self._whole[id(weight)] = weight
        return True

    def slices(self, weight: Tensor) -> tuple[tuple[Tensor, ...], bool]:
        """Give the thirds of a weight, and whether they own their part of its gradient."""
        if id(weight) in self._whole:
            return weight.chunk(3), False
        known = self._slices.get(id(weight))
        if known is None or known[1][0].requires_grad != (weight.requires_grad and torch.is_grad_enabled()):
            known = self._slices[id(weight)] = weight, weight.chunk(3)
        return known[1], True


class _Forward:
    """The forward of one attention module, projection by projection."""

    def __init__(self, name: str, module: nn.MultiheadAttention, run: Run, packed: _Packed) -> None:
        self.name = name
        self.module = module
        self.run = run
        self.packed = packed

    def __call__(self, *args: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        """Do what `nn.MultiheadAttention.forward` does."""
        bound = _SIGNATURE.bind(self.module, *args, **options)
        bound.apply_defaults()
        call = SimpleNamespace(**bound.arguments)
        batched = call.query.dim() == 3
        query, key, value = self._batch_first(call.query, call.key, call.value, batched)
        projected = self._project_in(query, key, value)
        heads = [x.view(*x.shape[:2], self.module.num_heads, -1).transpose(1, 2) for x in projected]
        mask, causal = self._mask(call, query, key, batched)
        mixed, weights = self._attend(heads, mask, causal, call.need_weights)
        mixed = mixed.transpose(1, 2).flatten(-2)
        out = self._project("out_proj", mixed, self.module.out_proj.weight, self.module.out_proj.bias)
        if weights is not None and call.average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            return out.squeeze(0), None if weights is None else weights.squeeze(0)
        return out if self.module.batch_first else out.transpose(0, 1), weights

    def _batch_first(self, query: Tensor, key: Tensor, value: Tensor, batched: bool) -> list[Tensor]:
        made: dict[int, Tensor] = {}  # one tensor stays one tensor: that is how self-attention is told
        for x in (query, key, value):
            if id(x) not in made:
                turned = x if self.module.batch_first else x.transpose(0, 1)
                made[id(x)] = turned if batched else x.unsqueeze(0)
        return [made[id(x)] for x in (query, key, value)]

    def _project_in(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        module, owned = self.module, True
        packed: Tensor | None = module.in_proj_weight
        bias: Tensor | None = module.in_proj_bias
        if packed is None:  # keys or values have a width of their own
            weights: tuple[Tensor, ...] = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
        elif query is key and key is value and self.packed.use_whole(packed):
            return self._project("in_proj", query, packed, bias).chunk(3, -1)
        else:
            weights, owned = self.packed.slices(packed)
        biases = (None, None, None) if bias is None else bias.chunk(3)
        return tuple(
            self._project(f"{letter}_proj", x, weight, b, owned=owned)
            for letter, x, weight, b in zip("qkv", (query, key, value), weights, biases, strict=True)
        )

    def _project(
        self, part: str, x: Tensor, weight: Tensor, bias: Tensor | None, *, owned: bool = True
    ) -> Tensor:
        output = F.linear(x, weight, bias)
        return self.run(f"{self.name}.{part}", Projection(weight if owned else None, bias), x, output)

    def _mask(
        self, call: SimpleNamespace, query: Tensor, key: Tensor, batched: bool
    ) -> tuple[Tensor | None, bool]:
        if call.is_causal and call.attn_mask is None:
            raise RuntimeError("is_causal is a hint on what attn_mask is: give the mask as well.")
        if call.is_causal and call.key_padding_mask is None and not call.need_weights:
            return None, True
        mask = None if call.attn_mask is None else _additive(call.attn_mask, query.dtype)
        if mask is not None and mask.dim() == 3:  # one for each input and head
            mask = mask.view(len(query), -1, query.shape[1], key.shape[1])
        if call.key_padding_mask is not None:
            padding = _additive(call.key_padding_mask, query.dtype)
            padding = (padding if batched else padding.unsqueeze(0))[:, None, None, :]
            mask = padding if mask is None else mask + padding
        return mask, False

    def _attend(
        self, heads: list[Tensor], mask: Tensor | None, causal: bool, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        query, key, value = heads
        dropout = self.module.dropout if self.module.training else 0.0
        if not need_weights:
            return F.scaled_dot_product_attention(query, key, value, mask, dropout, causal), None
        scores = query * math.sqrt(1 / query.shape[-1]) @ key.transpose(-2, -1)
        weights = F.dropout((scores if mask is None else scores + mask).softmax(-1), dropout)
        return weights @ value, weights


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Make a mask that is added to the scores; in a Boolean one True hides."""
    if mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=dtype).masked_fill_(mask, -torch.inf)
    return mask
