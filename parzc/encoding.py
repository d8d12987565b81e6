"""The encoding: tables of any depth in one shape; the only place that knows normalisation.

What every encoding needs is here: the features of all nodes of many tables in one array, and the
scale that makes them comparable. How nodes find their place is what the plug-ins in
`parzc/encodings/` differ in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from parzc.probing.table import NODE_SIZES, Table

__all__ = [
    "KINDS",
    "MUTE",
    "SIZES",
    "Encoding",
    "NodeFeatures",
    "SignedLogScale",
    "channel_names",
    "node_features",
    "total_features",
    "which_features",
]

KINDS = ("conv", "linear", "pool", "skip")
SIZES = ("weights", "flops", "kernel", "spatial", "kind")
"""What is known of a node beside its statistics; `kind` becomes one channel for each of `KINDS`."""

MUTE = ("plain", "activation_mean", "l2_norm")
"""Statistics that by default are no features: before training the first two are noise around zero wherever
batch norm follows, and the third only says how many weights there are."""

_SMALLEST = 1e-30
_CLIP = 10.0


@dataclass(frozen=True)
class Encoding:
    """Tables in one shape.

    Attributes:
        values: Standardised features, without unit; zero where masked or missing.
        mask: True where a live node lies.
    """

    values: Float[Tensor, "batch length channels"]
    mask: Bool[Tensor, "batch length"]

    def with_mask(self) -> Float[Tensor, "batch length channels_and_mask"]:
        """Give the values, zero where masked, with the mask as one more channel."""
        mask = self.mask[..., None]
        return torch.cat([self.values * mask, mask], dim=2)

    def flat(self) -> Float[Tensor, "batch features"]:
        """Give the values and the mask in one row a table."""
        return self.with_mask().flatten(1)

    def __len__(self) -> int:
        """Count the tables."""
        return len(self.mask)

    def __getitem__(self, rows: slice | Int[Tensor, " rows"]) -> "Encoding":
        """Choose tables."""
        return Encoding(self.values[rows], self.mask[rows])


@dataclass(frozen=True)
class NodeFeatures:
    """The live nodes of many tables, one below the other.

    Attributes:
        values: Features on their own scales; NaN where missing.
        owner: Which table a node is of, ascending.
        names: The nodes' names.
        tables: Number of tables.
    """

    values: Float[np.ndarray, "nodes channels"]
    owner: Int[np.ndarray, " nodes"]
    names: list[str]
    tables: int

    def choose(self, kept: Bool[np.ndarray, " nodes"]) -> "NodeFeatures":
        """Leave out nodes, but no table."""
        names = [name for name, keep in zip(self.names, kept, strict=True) if keep]
        return NodeFeatures(self.values[kept], self.owner[kept], names, self.tables)


def which_features(tables: Sequence[Table], features: Sequence[str] | None) -> list[str]:
    """Settle the features of an encoding when it is fitted.

    Args:
        tables: Training tables.
        features: Names chosen, or `None` for `SIZES` and all statistics of the tables but `MUTE`.

    Returns:
        The names.

    Raises:
        ValueError: If there is no table.
        LookupError: If the tables do not have a feature.
    """
    if not tables:
        raise ValueError("an encoding should be fitted to at least one table, got none.")
    if features is None:
        return [*(name for name in tables[0].statistics if name not in MUTE), *SIZES]
    _require(tables, features)
    return list(features)


def channel_names(features: Sequence[str]) -> list[str]:
    """Name the channels that features become.

    Args:
        features: Names of statistics and sizes, and `kind`.

    Returns:
        One name a channel.
    """
    return [name for name in features if name != "kind"] + (list(KINDS) if "kind" in features else [])


def node_features(tables: Sequence[Table], features: Sequence[str]) -> NodeFeatures:
    """Read the features of all live nodes at once.

    Args:
        tables: The tables.
        features: Names of statistics and sizes, and `kind`.

    Returns:
        The nodes in order of table and execution.

    Raises:
        LookupError: If a table lacks a statistic.
    """
    _require(tables, features)
    nodes = [node for table in tables for node in table.nodes]
    counts = np.array([len(table.nodes) for table in tables], dtype=np.int64)
    statistics = [name for name in features if name not in NODE_SIZES and name != "kind"]
    columns = dict(zip(statistics, _statistics(tables, statistics).T, strict=True))
    for name in features:
        if name in NODE_SIZES:
            columns[name] = np.fromiter(map(attrgetter(name), nodes), dtype=float, count=len(nodes))
    if "kind" in features:
        kinds = np.array([node.kind for node in nodes])
        columns |= {kind: (kinds == kind).astype(float) for kind in KINDS}
    order = channel_names(features)
    values = np.stack([columns[name] for name in order], axis=1) if order else np.zeros((len(nodes), 0))
    values[~np.isfinite(values)] = np.nan
    live = np.fromiter(map(attrgetter("alive"), nodes), dtype=bool, count=len(nodes))
    owner = np.repeat(np.arange(len(tables)), counts)
    names = [node.name for node in nodes if node.alive]
    return NodeFeatures(values[live], owner[live], names, len(tables))


def total_features(nodes: NodeFeatures) -> Float[np.ndarray, "tables channels"]:
    """Sum the features over the live nodes of each table, as classical proxies do.

    Args:
        nodes: Features of the nodes.

    Returns:
        Sums; a missing value counts as zero, and so does a sum that is not finite.
    """
    totals = np.zeros((nodes.tables, nodes.values.shape[1]))
    with np.errstate(over="ignore"):
        np.add.at(totals, nodes.owner, np.nan_to_num(nodes.values, nan=0.0))
    return np.where(np.isfinite(totals), totals, 0.0)


class SignedLogScale(nn.Module):
    r"""Signed logarithm, then zero mean and unit variance on training nodes.

    A value becomes :math:`\operatorname{arsinh}(x / 2 f)`, which is :math:`\pm\log(|x| / f)` far
    above the floor :math:`f` and linear below it, so that zero stays zero. The floor of a feature is its
    smallest magnitude over the training nodes; of a feature with both signs it is the median
    magnitude, which keeps noise around zero from becoming two clusters. Works from 1e-12 to 1e60
    and beyond: the arithmetic is float64.

    Args:
        groups: Nodes are standardised apart in each group, such as a place in the network.
        channels: Number of features.
    """

    floor: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("floor", torch.ones(channels, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(groups, channels, dtype=torch.float64))
        self.register_buffer("deviation", torch.ones(groups, channels, dtype=torch.float64))

    def fit(self, values: Float[np.ndarray, "nodes channels"], group: Int[np.ndarray, " nodes"]) -> None:
        """Set floors, means and deviations from training nodes.

        A group with fewer than two values of a feature takes what holds for all nodes.

        Args:
            values: Features on their own scales, NaN where missing.
            group: The group of each node.
        """
        self.floor.copy_(torch.from_numpy(_floors(values)))
        logs = self._log(values)
        whole_mean, whole_deviation = _moments(logs, np.zeros(len(logs), dtype=np.int64), 1)[1:]
        count, mean, deviation = _moments(logs, group, len(self.mean))
        few = count < 2
        mean = np.where(few, whole_mean, mean)
        deviation = np.where(few, whole_deviation, deviation)
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(np.where(deviation > 1e-6, deviation, 1.0)))

    def forward(
        self, values: Float[np.ndarray, "nodes channels"], group: Int[np.ndarray, " nodes"]
    ) -> Float[Tensor, "nodes channels"]:
        """Put features on the scale of the training nodes.

        Args:
            values: Features on their own scales, NaN where missing.
            group: The group of each node.

        Returns:
            float32 within ±10; 0, the mean, where missing.
        """
        mean, deviation = self.mean.cpu().numpy(), self.deviation.cpu().numpy()
        scaled = (self._log(values) - mean[group]) / deviation[group]
        clipped = np.clip(np.nan_to_num(scaled, nan=0.0), -_CLIP, _CLIP)
        return torch.from_numpy(clipped.astype(np.float32))

    def _log(self, values: Float[np.ndarray, "nodes channels"]) -> Float[np.ndarray, "nodes channels"]:
        logs: Float[np.ndarray, "nodes channels"] = np.arcsinh(values / (2 * self.floor.cpu().numpy()))
        return logs


def _require(tables: Sequence[Table], features: Sequence[str]) -> None:
    wanted = {name for name in features if name != "kind" and name not in NODE_SIZES}
    for statistics in {table.statistics for table in tables}:
        if missing := wanted - set(statistics):
            raise LookupError(
                f"the encoding needs the statistics {', '.join(sorted(missing))}, but a table has only"
                f" {', '.join(statistics)}; extract them or leave them out of `features`."
            )


def _statistics(tables: Sequence[Table], names: Sequence[str]) -> Float[np.ndarray, "nodes names"]:
    places: dict[tuple[str, ...], list[int]] = {}
    parts = [np.zeros((0, len(names)))]
    for table in tables:
        if table.statistics not in places:
            places[table.statistics] = [table.statistics.index(name) for name in names]
        parts.append(table.values[:, places[table.statistics]])
    return np.concatenate(parts)


def _floors(values: Float[np.ndarray, "nodes channels"]) -> Float[np.ndarray, " channels"]:
    floors = np.ones(values.shape[1])
    for channel, column in enumerate(values.T):
        sizes = np.abs(column[np.isfinite(column) & (column != 0)])
        if len(sizes):
            both_signs = (column < 0).any() and (column > 0).any()
            floors[channel] = max(np.median(sizes) if both_signs else sizes.min(), _SMALLEST)
    return floors


def _moments(
    values: Float[np.ndarray, "nodes channels"], group: Int[np.ndarray, " nodes"], groups: int
) -> tuple[Float[np.ndarray, "groups channels"], ...]:
    present = np.isfinite(values)
    filled = np.where(present, values, 0.0)
    count, total = np.zeros((2, groups, values.shape[1]))
    np.add.at(count, group, present)
    np.add.at(total, group, filled)
    mean = total / np.maximum(count, 1)
    squares = np.zeros_like(total)
    np.add.at(squares, group, np.where(present, (filled - mean[group]) ** 2, 0.0))
    return count, mean, np.sqrt(squares / np.maximum(count, 1))
