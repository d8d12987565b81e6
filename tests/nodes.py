"""Nodes made by hand, to try a statistic on known tensors."""

import torch
from torch import Tensor, nn

from parzc.probing.node import Node


def made(
    kind: str,
    *,
    channel_dim: int = 1,
    original: bool = False,
    module: nn.Module | None = None,
    in_attention: bool = False,
    **tensors: Tensor,
) -> Node:
    """Make a node that has these tensors at the moment."""
    node = Node("made", kind, depth=0, original=original)
    node.channel_dim, node.module, node.in_attention, node.tensors = (
        channel_dim,
        module,
        in_attention,
        tensors,
    )
    return node


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
