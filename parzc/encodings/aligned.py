"""Nodes matched by name: the strongest encoding within one space."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from parzc.encoding import (
    Encoding,
    NodeFeatures,
    TableEncoding,
    node_features,
    operations,
    which_features,
)
from parzc.probing.stack import stack
from parzc.probing.table import Table

__all__ = ["Aligned"]

_NAME = attrgetter("name")


class Aligned(TableEncoding):
    """One position for each place of the search space's skeleton.

    A node lies at the position of its name, positions in order of execution. Two names of which one
    continues the other (`cells.0.layers.5`, `cells.0.layers.5.op.1`) and which no network has together
    are alternatives at one place and share a position. Absent and dead nodes are masked, so networks
    that compute the same function have the same encoding. Nodes of names not seen in fitting are left out;
    but a network with fewer than half of its live nodes known comes from elsewhere, and each of its nodes
    goes to the position nearest in relative depth.

    Args:
        features: Names of statistics and sizes, and `kind`; `None` takes `parzc.encoding.SIZES` and all
            statistics of the training tables but `parzc.encoding.MUTE`.
        by_position: Standardise apart at each position, else over all nodes.
        totals: Append a position that holds the sums of the features over the network's live nodes.
        proxies: Training-free proxies and aggregates whose scores, standardised on the training networks,
            are further channels of that position: `az_nas`, `vote(synflow,snip)`.
        limit: Positions at most, the network as a whole not counted: of more places, neighbouring ones
            share a position, as in spaces such as DARTS, where most places of the skeleton are empty.
        names: Position of each name; set by `fit`.
        depths: Relative depth of each position, from 0 to 1; set by `fit`.

    Source:
        Deviation from Dong et al., AAAI 2025: nodes keep their absolute scale (they are not scaled
        within one network) and padding is masked, not zero.
    """

    def __init__(
        self,
        *,
        features: Sequence[str] | None = None,
        by_position: bool = True,
        totals: bool = True,
        proxies: Sequence[str] = (),
        limit: int = 256,
        names: Mapping[str, int] | None = None,
        depths: Sequence[float] = (),
    ) -> None:
        super().__init__(features, totals, proxies)
        if limit < 1:
            raise ValueError(f"limit should be at least 1 position, got {limit}.")
        self.by_position, self.limit = by_position, limit
        self.names = dict(names or {})
        self.depths = list(depths)
        self.make_scales(len(self.depths) if self.by_position else 1)

    @property
    def length(self) -> int:
        """Positions."""
        return len(self.depths) + self.totals

    def places(self) -> list[tuple[str, float]]:
        """Name the positions by their shortest name, with their relative depth; the whole has none."""
        shortest: dict[int, str] = {}
        for name in sorted(self.names, key=len, reverse=True):
            shortest[self.names[name]] = name
        places = [(shortest.get(index, ""), depth) for index, depth in enumerate(self.depths)]
        return places + [("network", float("nan"))] * self.totals

    def configuration(self) -> dict[str, Any]:
        """Say how to build this encoding again, before its state is loaded.

        Returns:
            Arguments of the constructor, plain values.
        """
        return {
            "features": self.features,
            "by_position": self.by_position,
            "totals": self.totals,
            "proxies": self.proxies.names,
            "limit": self.limit,
            "names": dict(self.names),
            "depths": list(self.depths),
        }

    def fit(self, tables: Sequence[Table]) -> None:
        """Find the positions and the scale of the features.

        Args:
            tables: Training tables only.

        Raises:
            ValueError: If there is no table.
            LookupError: If the tables do not have a feature.
        """
        self.features = which_features(tables, self.features)
        place = _mean_places(tables)
        sites = _sites(tables)
        depth_of_site: dict[str, list[float]] = {}
        for name, depth in place.items():
            depth_of_site.setdefault(sites[name], []).append(depth)
        depths = {site: float(np.mean(members)) for site, members in depth_of_site.items()}
        order = sorted(depths, key=lambda site: (depths[site], site))
        positions = min(len(order), self.limit)
        shared = np.arange(len(order)) * positions // max(len(order), 1)
        index = dict(zip(order, shared.tolist(), strict=True))
        self.names = {name: index[sites[name]] for name in place}
        every = np.array([depths[site] for site in order])
        self.depths = [float(every[shared == position].mean()) for position in range(positions)]
        self.make_scales(len(self.depths) if self.by_position else 1)
        self._fit_scales(tables)

    def adapt(self, tables: Sequence[Table]) -> None:
        """Set the scale of the features from another space, without targets.

        If less than half of the names there are known, every name goes to the position nearest in
        relative depth; nodes that fall together are averaged.

        Args:
            tables: Tables of the other space.

        Raises:
            ValueError: If there is no table, or the encoding was never fitted.
            LookupError: If the tables do not have a feature.
        """
        which_features(tables, self.features)
        self._check_fitted()
        place = _mean_places(tables)
        known = sum(name in self.names for name in place)
        if 2 * known < len(place):
            depths = np.array(self.depths)
            self.names = {name: int(np.abs(depths - depth).argmin()) for name, depth in place.items()}
        self._fit_scales(tables)

    def forward(self, tables: Sequence[Table]) -> Encoding:
        """Encode tables.

        Args:
            tables: Tables, best of the space that the encoding was fitted to.

        Returns:
            Features at their positions; nodes that fall together are averaged.

        Raises:
            ValueError: If the encoding was never fitted.
            LookupError: If a table lacks a statistic.
        """
        self._check_fitted()
        tables = stack(tables)
        every = node_features(tables, self.features or [])
        nodes, position = self._known(every)
        cells = torch.from_numpy(nodes.owner * self.length + position)
        scaled = self.scale(nodes.values, self._group(position))
        count = torch.bincount(cells, minlength=len(tables) * self.length)
        values = torch.zeros(len(count), scaled.shape[1]).index_add_(0, cells, scaled)
        values = (values / count.clamp(min=1)[:, None]).view(len(tables), self.length, scaled.shape[1])
        mask = (count > 0).view(len(tables), self.length)
        if self.totals:
            mask[:, -1] = True
        return Encoding(self.place_totals(values, every, tables), mask)

    def _known(self, nodes: NodeFeatures) -> tuple[NodeFeatures, Int[np.ndarray, " nodes"]]:
        names, number = nodes.source.labels(_NAME)
        places = np.array([self.names.get(name, -1) for name in names], dtype=np.int64)
        position = places[number][nodes.which]
        count = np.bincount(nodes.owner, minlength=nodes.tables)
        known = np.bincount(nodes.owner, weights=position >= 0, minlength=nodes.tables)
        foreign = (2 * known < count)[nodes.owner]
        if foreign.any():
            rank = np.arange(len(nodes.owner)) - (np.cumsum(count) - count)[nodes.owner]
            depth = ((rank + 0.5) / count[nodes.owner])[foreign]
            position[foreign] = np.abs(np.array(self.depths) - depth[:, None]).argmin(1)
        kept = position >= 0
        return nodes.choose(kept), position[kept]

    def _group(self, position: Int[np.ndarray, " nodes"]) -> Int[np.ndarray, " nodes"]:
        return position if self.by_position else np.zeros_like(position)

    def _fit_scales(self, tables: Sequence[Table]) -> None:
        every = node_features(tables, self.features or [])
        nodes, position = self._known(every)
        self.scale.fit(nodes.values, self._group(position))
        self.fit_totals(every, tables)

    def _check_fitted(self) -> None:
        if not self.depths:
            raise ValueError("the encoding should be fitted before use; call fit(tables).")


def _mean_places(tables: Sequence[Table]) -> dict[str, float]:
    sums: dict[str, list[float]] = {}
    for table in tables:
        nodes = operations(table)
        for rank, node in enumerate(nodes):
            entry = sums.setdefault(node.name, [0.0, 0])
            entry[0] += (rank + 0.5) / len(nodes)
            entry[1] += 1
    return {name: total / count for name, (total, count) in sums.items()}


def _sites(tables: Sequence[Table]) -> dict[str, str]:
    """Name the place of every name: its shortest prefix that is a name too and never together with it."""
    sets = {frozenset(node.name for node in operations(table)) for table in tables}
    names = {name for present in sets for name in present}
    together = {
        (name, prefix)
        for present in sets
        for name in present
        for prefix in _prefixes(name)
        if prefix in present
    }
    return {
        name: next((p for p in _prefixes(name) if p in names and (name, p) not in together), name)
        for name in names
    }


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]
