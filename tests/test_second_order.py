"""Batch normalisation differentiated twice is what PyTorch makes of it."""

from collections.abc import Sequence
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from parzc.probing.second_order import cheap_batch_norm


def network(layout: torch.memory_format, dtype: torch.dtype = torch.float64) -> tuple[nn.Sequential, Tensor]:
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 4, 3))
    made = nn.Sequential(*layers, nn.BatchNorm2d(4, affine=False), nn.Flatten(), nn.Linear(64, 3)).to(dtype)
    for parameter in made.parameters():
        nn.init.normal_(parameter)
    return made, torch.randn(6, 3, 8, 8, dtype=dtype).contiguous(memory_format=layout)


def derivatives(made: nn.Sequential, x: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    weights = list(made.parameters())
    gradients = torch.autograd.grad((made(x) ** 3).mean(), weights, create_graph=True)
    kernels = [place for place, weight in enumerate(weights) if weight.dim() > 1]
    product = sum((gradients[place].detach() * gradients[place]).sum() for place in kernels)
    assert isinstance(product, Tensor)
    return gradients, torch.autograd.grad(product, [weights[place] for place in kernels])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_both_derivatives_and_the_running_statistics_are_the_same(layout: torch.memory_format) -> None:
    results = []
    for cheap in (False, True):
        made, x = network(layout)
        with cheap_batch_norm(list(made.modules())) if cheap else nullcontext():
            first, second = derivatives(made, x)
        results.append([*first, *second, made[1].running_var, made[1].num_batches_tracked])
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found.detach(), expected.detach(), rtol=1e-10, atol=1e-12)


def test_modules_are_as_they_were_afterwards() -> None:
    made, _ = network(torch.contiguous_format)
    with cheap_batch_norm(list(made.modules())):
        assert "forward" in made[1].__dict__
    assert "forward" not in made[1].__dict__
