"""Read from running networks what their graphs say of the ways through them."""

import torch
from torch import Tensor, nn

from parzc.probing.extract import extract
from parzc.probing.table import Architecture
from parzc.space import Space


def read(statistic: str, network: nn.Module, x: Tensor) -> dict[str, float]:
    torch.manual_seed(0)
    table = extract(network, (x, torch.arange(len(x)) % 3), [statistic])
    return {name: value for name, value in table.network.items() if name.startswith(f"{statistic}.")}


def built(statistic: str, space: Space, architecture: str) -> dict[str, float]:
    torch.manual_seed(0)
    return read(statistic, space.build(Architecture(architecture)), torch.randn(2, 1, 8, 8))
