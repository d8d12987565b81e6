"""The encoding: tables of any depth in one shape; the only place that knows normalisation.

What every encoding needs is here: the features of all nodes of many tables in one array, and the position
that stands for the network as a whole. How nodes find their place is what the plug-ins in
`parzc/encodings/` differ in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from parzc.probing.table import NODE_SIZES, NodeInfo, Table
from parzc.proxy_features import ProxyFeatures
from parzc.scale import SignedLogScale

__all__ = [
    "KINDS",
    "MUTE",
    "SIZES",
    "Encoding",
    "NodeFeatures",
    "TableEncoding",
    "channel_names",
    "node_features",
    "operations",
    "total_features",
    "which_features",
]

KINDS = ("conv", "linear", "pool", "skip")
"""The operations. Other rows of a table, such as its activations and blocks, are no nodes of an encoding."""

SIZES = ("weights", "flops", "kernel", "spatial", "kind")
"""What is known of a node beside its statistics; `kind` becomes one channel for each of `KINDS`."""

MUTE = ("plain", "activation_mean", "l2_norm")
"""Statistics that by default are no features: before training the first two are noise around zero wherever
batch norm follows, and the third only says how many weights there are."""


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


class TableEncoding(nn.Module):
    """What the encodings share: which features there are, and the position of the network as a whole.

    Args:
        features: Names of statistics and sizes, and `kind`; `None` until fitted for the default.
        totals: Whether the last position holds the sums of the features over the network's live nodes.
        proxies: Training-free proxies and aggregates whose scores are further channels of that position.

    Attributes:
        scale: Of the features of nodes.
        total_scale: Of their sums.
    """

    scale: SignedLogScale
    total_scale: SignedLogScale

    def __init__(self, features: Sequence[str] | None, totals: bool, proxies: Sequence[str]) -> None:
        super().__init__()
        if proxies and not totals:
            raise ValueError(
                "proxies are features of the network as a whole: totals should be true with them, got false."
            )
        self.features = None if features is None else list(features)
        self.totals = totals
        self.proxies = ProxyFeatures(proxies)

    @property
    def labels(self) -> list[str]:
        """Names of the features at a position."""
        return [*channel_names(self.features or []), *self.proxies.names]

    @property
    def channels(self) -> int:
        """Features at a position."""
        return len(self.labels)

    @property
    def statistics(self) -> list[str]:
        """Statistics that a table needs to be encoded."""
        read = [name for name in self.features or [] if name not in NODE_SIZES and name != "kind"]
        return list(dict.fromkeys([*read, *self.proxies.statistics]))

    def make_scales(self, groups: int) -> None:
        """Make the scale for the features of nodes and that for their sums, to be fitted or loaded.

        Args:
            groups: Nodes are standardised apart in each group.
        """
        features = len(channel_names(self.features or []))
        self.scale = SignedLogScale(groups, features)
        self.total_scale = SignedLogScale(1, features)

    def fit_totals(self, nodes: NodeFeatures, tables: Sequence[Table]) -> None:
        """Find the scale of the sums and of the proxies' scores.

        Args:
            nodes: Features of all live nodes.
            tables: The tables they are of.
        """
        self.total_scale.fit(total_features(nodes), np.zeros(nodes.tables, dtype=np.int64))
        self.proxies.fit(tables)

    def place_totals(
        self, values: Float[Tensor, "batch length features"], nodes: NodeFeatures, tables: Sequence[Table]
    ) -> Float[Tensor, "batch length channels"]:
        """Fill the last position, and add the channels of the proxies, which are zero elsewhere.

        Args:
            values: Features at their positions, of which the last is to be filled.
            nodes: Features of all live nodes.
            tables: The tables they are of.

        Returns:
            All channels; with `totals` off the values as they are.
        """
        if not self.totals:
            return values
        sums = self.total_scale(total_features(nodes), np.zeros(nodes.tables, dtype=np.int64))
        values = F.pad(values, (0, len(self.proxies.names)))
        values[:, -1] = torch.cat([sums, self.proxies(tables)], dim=1)
        return values


def which_features(tables: Sequence[Table], features: Sequence[str] | None) -> list[str]:
    """Settle the features of an encoding when it is fitted.

    Args:
        tables: Training tables.
        features: Names chosen, or `None` for `SIZES` and all statistics of the tables but `MUTE` and those
            that no live operation has, because they are read from activations or blocks.

    Returns:
        The names.

    Raises:
        ValueError: If there is no table.
        LookupError: If the tables do not have a feature.
    """
    if not tables:
        raise ValueError("an encoding should be fitted to at least one table, got none.")
    if features is None:
        spoken = [name for name in tables[0].statistics if name not in MUTE]
        values = node_features(tables, spoken).values
        present = np.isfinite(values).any(axis=0)
        return [*(name for name, here in zip(spoken, present, strict=True) if here), *SIZES]
    _require(tables, features)
    return list(features)


def operations(table: Table) -> list[NodeInfo]:
    """List the rows of a table that are operations.

    Args:
        table: The table.

    Returns:
        The nodes of `KINDS` in order of execution, dead ones too.
    """
    return [node for node in table.nodes if node.kind in KINDS]


def channel_names(features: Sequence[str]) -> list[str]:
    """Name the channels that features become.

    Args:
        features: Names of statistics and sizes, and `kind`.

    Returns:
        One name a channel.
    """
    return [name for name in features if name != "kind"] + (list(KINDS) if "kind" in features else [])


def node_features(tables: Sequence[Table], features: Sequence[str]) -> NodeFeatures:
    """Read the features of all live operations at once.

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
    kept = [node.alive and node.kind in KINDS for node in nodes]
    live = np.array(kept, dtype=bool)
    owner = np.repeat(np.arange(len(tables)), counts)
    names = [node.name for node, keep in zip(nodes, kept, strict=True) if keep]
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
