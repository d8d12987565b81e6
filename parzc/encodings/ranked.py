"""The network as a whole, each feature by its rank in a population: what means the same in every space."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import norm
from torch import Tensor

from parzc.encoding import (
    Encoding,
    TableEncoding,
    channel_names,
    node_features,
    total_features,
    which_features,
)
from parzc.probing.stack import stack
from parzc.probing.table import NODE_SIZES, Table
from parzc.ranking import ranks
from parzc.scale import group_sums

__all__ = ["Ranked"]

_LARGEST_POPULATION = 1000


class Ranked(TableEncoding):
    r"""One position whose features are normal scores within a population.

    A feature of a network is a sum over its live nodes, a mean over them, or a training-free proxy's
    score. What enters is not the value but where it lies among networks of the same space,
    :math:`\Phi^{-1}(r / (m + 1))` for rank r among m. `adapt` takes another population without any
    target, so that "wide" or "a high SynFlow" means the same among cells and among transformers. A
    missing mean or score lies in the middle.

    Args:
        features: Names of statistics and sizes, and `kind`, that are summed; `None` takes
            `parzc.encoding.SIZES` and all statistics of the training tables but `parzc.encoding.MUTE`.
        means: Names of statistics and sizes whose logarithm is averaged over the live nodes.
        values: Values of the network as a whole, by the start of their names: `paths` stands for
            `paths.most.skip` and all others of that statistic. Those that order the training tables as an
            earlier one does, or not at all, are left out.
        proxies: Training-free proxies and aggregates.
    """

    population: Tensor

    def __init__(
        self,
        *,
        features: Sequence[str] | None = None,
        means: Sequence[str] = (),
        values: Sequence[str] = (),
        proxies: Sequence[str] = (),
    ) -> None:
        super().__init__(features, True, proxies)
        self.means, self.values = list(means), list(values)
        self.register_buffer("population", torch.zeros(0, 0, dtype=torch.float64))

    @property
    def length(self) -> int:
        """Positions."""
        return 1

    @property
    def labels(self) -> list[str]:
        """Names of the features."""
        averages = [f"mean log {name}" for name in self.means]
        return [*channel_names(self.features or []), *averages, *self.values, *self.proxies.names]

    def places(self) -> list[tuple[str, float]]:
        """Name the positions, with their relative depth; the network as a whole has none."""
        return [("network", float("nan"))]

    @property
    def statistics(self) -> list[str]:
        """Statistics that a table needs to be encoded."""
        averaged = [name for name in self.means if name not in NODE_SIZES]
        single = [name.partition(".")[0] for name in self.values]
        return list(dict.fromkeys([*super().statistics, *averaged, *single]))

    def configuration(self) -> dict[str, Any]:
        """Say how to build this encoding again, before its state is loaded.

        Returns:
            Arguments of the constructor, plain values.
        """
        return {
            "features": self.features,
            "means": self.means,
            "values": self.values,
            "proxies": self.proxies.names,
        }

    def fit(self, tables: Sequence[Table]) -> None:
        """Take a population.

        Args:
            tables: Training tables only.

        Raises:
            ValueError: If there is no table.
            LookupError: If the tables do not have a feature.
        """
        self.features = which_features(tables, self.features)
        names = _which_values(tables, self.values)
        self.values = _different(_network_values(tables, names), names)
        self.adapt(tables)

    def adapt(self, tables: Sequence[Table]) -> None:
        """Take a population from another space, without targets.

        Args:
            tables: Tables of the other space; of more than a thousand, a thousand quantiles are kept.

        Raises:
            ValueError: If there is no table, or the encoding was never fitted.
            LookupError: If the tables do not have a feature.
        """
        which_features(tables, self.features)
        self._check_fitted()
        self.proxies.fit(tables)
        measured = np.sort(self._measure(tables), axis=1)
        if len(tables) > _LARGEST_POPULATION:
            kept = np.linspace(0, len(tables) - 1, _LARGEST_POPULATION).round().astype(int)
            measured = measured[:, kept]
        self.population = torch.from_numpy(measured).to(self.population.device)

    def forward(self, tables: Sequence[Table]) -> Encoding:
        """Encode tables.

        Args:
            tables: Tables of the population's space.

        Returns:
            Normal scores, at one position that is never masked.

        Raises:
            ValueError: If the encoding was never fitted.
            LookupError: If a table lacks a statistic.
        """
        self._check_fitted()
        population, measured = self.population.cpu().numpy(), self._measure(tables)
        scores = norm.ppf(ranks(measured, population) / (population.shape[1] + 1))
        values = np.where(np.isnan(measured), 0.0, scores).T[:, None]
        return Encoding(torch.from_numpy(values.astype(np.float32)), torch.ones(len(tables), 1) > 0)

    def _measure(self, tables: Sequence[Table]) -> Float[np.ndarray, "channels tables"]:
        tables = stack(tables)
        sums = total_features(node_features(tables, self.features or []))
        averages = _mean_logarithms(tables, self.means)
        values = _network_values(tables, self.values)
        return np.concatenate([sums, averages, values, self.proxies(tables).double().numpy()], axis=1).T

    def _check_fitted(self) -> None:
        if self.features is None:
            raise ValueError("the encoding should be fitted before use; call fit(tables).")

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        """Take over the size of a population before its values."""
        stored = state_dict.get(f"{prefix}population")
        if isinstance(stored, Tensor) and stored.dim() == 2:
            self.population = self.population.new_zeros(stored.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _which_values(tables: Sequence[Table], starts: Sequence[str]) -> list[str]:
    known = list(dict.fromkeys(name for table in tables for name in table.network))
    chosen = []
    for start in starts:
        found = [name for name in known if name == start or name.startswith(f"{start}.")]
        if not found:
            raise LookupError(
                f"the encoding needs {start} of the networks as wholes, but the tables have only"
                f" {', '.join(known)}; extract it or leave it out of `values`."
            )
        chosen += found
    return list(dict.fromkeys(chosen))


def _network_values(tables: Sequence[Table], names: Sequence[str]) -> Float[np.ndarray, "tables names"]:
    values = [[table.network.get(name, np.nan) for name in names] for table in tables]
    return np.array(values, dtype=float).reshape(len(tables), len(names))


def _different(values: Float[np.ndarray, "tables names"], names: Sequence[str]) -> list[str]:
    """Choose the columns that tell tables apart, each order once."""
    orders: dict[bytes, str] = {}
    for column, name in zip(values.T, names, strict=True):
        levels, order = np.unique(column, return_inverse=True)
        if len(levels) > 1:
            orders.setdefault(order.tobytes(), name)
    return list(orders.values())


def _mean_logarithms(tables: Sequence[Table], names: Sequence[str]) -> Float[np.ndarray, "tables names"]:
    nodes = node_features(tables, names)
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs(nodes.values))
    present = np.isfinite(logs)
    counts = group_sums(present.astype(float), nodes.owner, nodes.tables)
    sums = group_sums(np.where(present, logs, 0.0), nodes.owner, nodes.tables)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
