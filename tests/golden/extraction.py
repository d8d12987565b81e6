"""Everything that parzc reads of a network of the reference folder, once."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal
from unittest.mock import patch

import torch
from torch import Tensor, nn

from parzc import plugins
from parzc.probing import draws
from parzc.probing import extract as module
from parzc.probing.statistic import Statistic
from parzc.probing.table import Table
from tests.golden.reference import data, network, signs

Compat = Literal["original"] | None

DEAR = ("te_nas_ntk", "ntk_trace", "ntk_condition", "zen", "zico", "grasp", "grad_sign")
"""Statistics that `compat` does not change, and that take long."""


@dataclass
class Extracted:
    """A table, and by statistic of the whole network what its value is made of."""

    table: Table
    parts: dict[str, list[Tensor]] = field(default_factory=dict)

    def score(self, proxy: str) -> float:
        return plugins.load("proxies", proxy)(self.table)


@cache
def extracted(name: str, batch: str, compat: Compat) -> Extracted:
    """Extract every statistic of a network, with the stored draws."""
    statistics = [each for each in plugins.available("statistics") if not (compat and each in DEAR)]
    return extract_with_draws(network(name), name, batch, statistics, compat)


def extract_with_draws(
    made: nn.Module, name: str, batch: str, statistics: Sequence[str], compat: Compat = None
) -> Extracted:
    stored, kept = signs(name), {}

    def keeping(statistic: Statistic) -> Statistic:
        if statistic.total is None:
            return statistic
        total = statistic.total

        def keep(parts: list[Tensor]) -> Tensor:
            kept[statistic.name] = list(parts)
            return total(parts)

        return replace(statistic, total=keep)

    loaded = [keeping(plugins.load("statistics", each)) for each in statistics]
    with ExitStack() as stack:
        for target, attribute, value in (
            (module, "load_statistics", lambda names: loaded),
            (draws, "rademacher", lambda index, shape, like: torch.from_numpy(stored[index]).to(like)),
            (draws, "standard_normal", lambda shape, like: data(name, "noise_b")[0].to(like)),
        ):
            stack.enter_context(patch.object(target, attribute, value))
        precision = next(made.parameters()).dtype
        (x, y), (other, labels) = data(name, batch), data(name, f"{batch}_b")
        first, second = (x.to(precision), y), (other.to(precision), labels)
        table = module.extract(made, first, statistics, second_batch=second, compat=compat)
    return Extracted(table, kept)
