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

from parzc.probing.stack import Stack, stack
from parzc.probing.table import NODE_SIZES, NodeInfo, Table
from parzc.proxy_features import ProxyFeatures
from parzc.scale import SignedLogScale, group_sums

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


_KIND, _ALIVE = attrgetter("kind"), attrgetter("alive")


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
        which: The place of each node in `source.nodes`.
        source: The tables.
    """

    values: Float[np.ndarray, "nodes channels"]
    owner: Int[np.ndarray, " nodes"]
    which: Int[np.ndarray, " nodes"]
    source: Stack

    @property
    def tables(self) -> int:
        """Number of tables."""
        return len(self.source)

    def choose(self, kept: Bool[np.ndarray, " nodes"]) -> "NodeFeatures":
        """Leave out nodes, but no table."""
        if kept.all():
            return self
        return NodeFeatures(self.values[kept], self.owner[kept], self.which[kept], self.source)


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
    source = stack(tables)
    kinds, kind = source.labels(_KIND)
    live = source.each(_ALIVE).astype(bool) & np.isin(kinds, KINDS)[kind]
    rows = np.flatnonzero(live[source.which])
    which, order = source.which[rows], channel_names(features)
    read = [channel for channel, name in enumerate(order) if name not in (*KINDS, *NODE_SIZES)]
    known = np.zeros((len(source.nodes), len(order)))
    for channel, name in enumerate(order):
        if name in KINDS:
            known[:, channel] = np.array([each == name for each in kinds])[kind]
        elif name in NODE_SIZES:
            known[:, channel] = source.size(name)
    values = known.take(which, axis=0)
    found = source.statistics([order[channel] for channel in read]).take(rows, axis=0)
    found[~np.isfinite(found)] = np.nan
    values[:, read] = found
    return NodeFeatures(values, source.owner[rows], which, source)


def total_features(nodes: NodeFeatures) -> Float[np.ndarray, "tables channels"]:
    """Sum the features over the live nodes of each table, as classical proxies do.

    Args:
        nodes: Features of the nodes.

    Returns:
        Sums; a missing value counts as zero, and so does a sum that is not finite.
    """
    filled = np.where(np.isnan(nodes.values), 0.0, nodes.values)
    with np.errstate(over="ignore"):
        totals = group_sums(filled, nodes.owner, nodes.tables)
    return np.where(np.isfinite(totals), totals, 0.0)


def _require(tables: Sequence[Table], features: Sequence[str]) -> None:
    wanted = {name for name in features if name != "kind" and name not in NODE_SIZES}
    for statistics in {table.statistics for table in tables}:
        if missing := wanted - set(statistics):
            raise LookupError(
                f"the encoding needs the statistics {', '.join(sorted(missing))}, but a table has only"
                f" {', '.join(statistics)}; extract them or leave them out of `features`."
            )
