"""A small fitted proxy for the tests of everything that reads one."""

import functools

import torch
from torch import Tensor, nn

from parzc.encodings.resampled import Resampled
from parzc.predictors.mabn import MABN
from parzc.probing.extract import extract
from parzc.probing.table import Table
from parzc.proxy import ParametricProxy

STATISTICS = ("snip", "l2_norm")


def network(width: int = 4, depth: int = 2, classes: int = 3) -> nn.Module:
    """Build a small network; also the factory that tests of `network=` name."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


def batch(size: int = 4, classes: int = 3) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(7)
    return (
        torch.randn(size, 3, 8, 8, generator=random),
        torch.randint(classes, (size,), generator=random),
    )


@functools.cache
def tables(count: int = 8, statistics: tuple[str, ...] = STATISTICS) -> list[Table]:
    torch.manual_seed(0)
    return [extract(network(2 + index, 1 + index % 3), batch(), statistics) for index in range(count)]


def proxy() -> ParametricProxy:
    encoding = Resampled(features=[*STATISTICS, "weights", "kind"], positions=4)
    encoding.fit(tables())
    torch.manual_seed(0)
    predictor = MABN(
        length=encoding.length, channels=encoding.channels, segments=2, width=4, blocks=1, members=2
    )
    metadata = {"statistics": ["grad_norm", *STATISTICS], "batch": {"size": 4}, "training": ["a", "b"]}
    return ParametricProxy(encoding, predictor, metadata)
