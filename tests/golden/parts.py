"""What a statistic of the whole network gives for each node."""

from dataclasses import replace
from unittest.mock import patch

import torch
from torch import Tensor, nn

from parzc import plugins
from parzc.probing import extract as module
from parzc.probing.passes import Batch


def parts_of(statistic: str, network: nn.Module, batch: Batch, compat=None) -> list[Tensor]:
    """Extract a statistic that has a total, and give what the total is made of."""
    kept: list[Tensor] = []

    def keep(parts: list[Tensor]) -> Tensor:
        kept.extend(parts)
        return torch.zeros(())

    loaded = replace(plugins.load("statistics", statistic), total=keep)
    with patch.object(module, "load_statistics", lambda names: [loaded]):
        module.extract(network, batch, [statistic], compat=compat)
    return kept
