r"""Batch normalisation that is cheap to differentiate twice.

PyTorch puts the second derivative of batch normalisation together from many operations on whole feature
maps. Its closed form needs few. With

.. math:: \hat x = (x - \mu) \, r, \qquad
          dx = \gamma r \, (g - \bar g - \hat x \, \overline{g \hat x})

for a gradient g at the output, a gradient u at dx goes back to g by the same map, and to x as

.. math:: -\gamma r^2 \bigl( S \hat x + b \, (u - \bar u - c \hat x) + c \, (g - \bar g - b \hat x) \bigr)

where b and c are the means of g and u times the normalised x, and S the mean of u g less the products of
the means and of b and c.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["cheap_batch_norm"]


@contextmanager
def cheap_batch_norm(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Make batch normalisation cheap to differentiate twice for the duration of a `with` block.

    The results are those of the modules as they were, up to rounding. Modules that average their
    statistics over all batches, or whose `forward` is not PyTorch's, are left alone.

    Args:
        modules: Those of the network, in training mode.
    """
    with ExitStack() as undo:
        for module in modules:
            plain = type(module) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
            if plain and "forward" not in module.__dict__ and getattr(module, "momentum", None) is not None:
                undo.callback(delattr, module, "forward")
                module.forward = _Forward(module)
        yield


class _Forward:
    def __init__(self, module: nn.Module) -> None:
        self.module: Any = module

    def __call__(self, x: Tensor) -> Tensor:
        m = self.module
        if m.num_batches_tracked is not None:
            m.num_batches_tracked.add_(1)
        running = (m.running_mean, m.running_var)
        out: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]
            x, m.weight, m.bias, running, (m.momentum, m.eps)
        )
        return out


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        running: tuple[Tensor | None, Tensor | None],
        momentum_and_eps: tuple[float, float],
    ) -> Tensor:
        y, mean, scale = torch.native_batch_norm(x, weight, bias, *running, True, *momentum_and_eps)
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.eps = momentum_and_eps[1]
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, weight, mean, scale = ctx.saved_tensors
        gradients = _Backward.apply(  # type: ignore[no-untyped-call]
            gradients[0], x, weight, (mean, scale), ctx.eps
        )
        to_x, to_weight, to_bias = gradients
        return to_x, None if weight is None else to_weight, None if weight is None else to_bias, None, None


class _Backward(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, weight: Tensor | None, moments: tuple[Tensor, Tensor], eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.save_for_backward(g, x, weight, *moments)
        to_x, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            g, x, weight, None, None, *moments, True, eps, [True, weight is not None, weight is not None]
        )
        empty = x.new_empty(0)
        if weight is None:
            to_weight, to_bias = empty, empty
        ctx.mark_non_differentiable(to_weight, to_bias)
        return to_x, to_weight, to_bias

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        g, x, weight, mean, scale = ctx.saved_tensors
        u = gradients[0]
        u = u.contiguous(memory_format=torch.channels_last) if _is_last(x) else u.contiguous()
        shape = [1, -1, *[1] * (x.dim() - 2)]
        gamma = scale if weight is None else scale * weight
        normalised = (x - mean.view(shape)).mul_(scale.view(shape))
        g_mean, u_mean, b, c = _mean(g), _mean(u), _mean(g * normalised), _mean(u * normalised)
        mixed = _mean(u * g) - u_mean * g_mean - b * c
        to_g = torch.addcmul(u - u_mean.view(shape), normalised, c.view(shape), value=-1)
        to_x = normalised.mul_((mixed - 2 * b * c).view(shape)).addcmul_(u, b.view(shape))
        to_x.addcmul_(g, c.view(shape)).sub_((b * u_mean + c * g_mean).view(shape))
        return to_g.mul_(gamma.view(shape)), to_x.mul_((-gamma * scale).view(shape)), None, None, None


def _is_last(x: Tensor) -> bool:
    return x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)


def _mean(x: Tensor) -> Tensor:
    if _is_last(x):
        return x.permute(0, 2, 3, 1).flatten(0, 2).mean(0)
    return x.mean([0, *range(2, x.dim())])
