"""Scores of training-free proxies as features of a network."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from parzc.aggregate import AggregateProxy, open_named
from parzc.probing.table import Table
from parzc.protocol import Proxy
from parzc.proxy_file import SUFFIX
from parzc.scale import SignedLogScale
from parzc.training_free import TrainingFreeProxy

__all__ = ["ProxyFeatures"]


class ProxyFeatures(nn.Module):
    """Scores of training-free proxies, standardised on the training networks.

    A formula's score is put on the signed logarithmic scale of the other features. An aggregate has no
    score but in a population: a network is ranked among the training networks, whose member scores are
    kept in the buffer `population`, and the distance from their median is put on that scale.

    Args:
        names: Training-free proxies and aggregates; none is fine.

    Attributes:
        names: As given.
    """

    population: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = list(names)
        self._proxies = [_open(name) for name in names]
        self._aggregates = [proxy for proxy in self._proxies if isinstance(proxy, AggregateProxy)]
        leaves = sum(len(aggregate.leaves) for aggregate in self._aggregates)
        # without proxies there is no state, so that files made before there were any still fit
        empty = torch.zeros(leaves, 0, dtype=torch.float64)
        self.register_buffer("population", empty, persistent=bool(names))
        self.scale = SignedLogScale(1, len(names)) if names else None

    @property
    def statistics(self) -> list[str]:
        """Statistics that the proxies read."""
        read = (proxy.reads for proxy in self._proxies)
        return list(dict.fromkeys(name for names in read for name in names))

    def fit(self, tables: Sequence[Table]) -> None:
        """Set the scale, and the population that aggregates rank among.

        Args:
            tables: Training tables only.

        Raises:
            LookupError: If a table lacks a statistic.
        """
        if self.scale is None:
            return
        parts = [np.zeros((0, len(tables))), *(each.measure(tables) for each in self._aggregates)]
        self.population = torch.from_numpy(np.concatenate(parts)).to(self.population.device)
        self.scale.fit(self._scores(tables), np.zeros(len(tables), dtype=np.int64))

    def forward(self, tables: Sequence[Table]) -> Float[Tensor, "tables proxies"]:
        """Score tables.

        Args:
            tables: Tables of any networks.

        Returns:
            Standardised scores, within ±10; 0, the mean, where a score is not finite.

        Raises:
            LookupError: If a table lacks a statistic.
        """
        if self.scale is None:
            return torch.zeros(len(tables), 0)
        scaled: Tensor = self.scale(self._scores(tables), np.zeros(len(tables), dtype=np.int64))
        return scaled

    def _scores(self, tables: Sequence[Table]) -> Float[np.ndarray, "tables proxies"]:
        population, first = self.population.cpu().numpy(), 0
        columns = []
        for proxy in self._proxies:
            if isinstance(proxy, AggregateProxy):
                among = population[first : first + len(proxy.leaves)]
                first += len(proxy.leaves)
                scores = proxy.combine(proxy.measure(tables), among) - np.median(proxy.combine(among))
            else:
                scores = proxy.predict(tables)[0]
            columns.append(np.where(np.isfinite(scores), scores, np.nan))
        return np.stack(columns, axis=1)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        """Take over the size of a population before its values."""
        stored = state_dict.get(f"{prefix}population")
        if isinstance(stored, Tensor) and stored.dim() == 2 and len(stored) == len(self.population):
            self.population = self.population.new_zeros(stored.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _open(name: str) -> AggregateProxy | TrainingFreeProxy:
    def open_one(text: str) -> Proxy:
        if text.endswith(SUFFIX):
            raise ValueError(f"the proxies of an encoding should be training-free, got {text}.")
        return open_named(text, open_one)

    opened = open_one(name)
    if not isinstance(opened, AggregateProxy | TrainingFreeProxy):
        raise ValueError(f"the proxies of an encoding should be training-free, got {name}.")
    return opened
