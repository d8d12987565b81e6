"""Depth resampled to a fixed number of positions: one encoding across spaces."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from parzc.encoding import (
    Encoding,
    TableEncoding,
    node_features,
    which_features,
)
from parzc.probing.table import Table

__all__ = ["Resampled"]


class Resampled(TableEncoding):
    """Live nodes in order of execution, stretched or averaged to a fixed number of positions.

    Node `i` of `n` live nodes covers the stretch from `i/n` to `(i+1)/n` of the network; a position
    holds the mean of what its own stretch covers, so nothing is lost for deep networks and repeated
    for shallow ones. Names play no role: a proxy can be carried to another space.

    Args:
        features: Names of statistics and sizes, and `kind`; `None` takes `parzc.encoding.SIZES` and all
            statistics of the training tables but `parzc.encoding.MUTE`.
        positions: Positions of the resampled depth.
        totals: Append a position that holds the sums of the features over the network's live nodes.
        proxies: Training-free proxies and aggregates whose scores, standardised on the training networks,
            are further channels of that position: `az_nas`, `vote(synflow,snip)`.
    """

    def __init__(
        self,
        *,
        features: Sequence[str] | None = None,
        positions: int = 32,
        totals: bool = True,
        proxies: Sequence[str] = (),
    ) -> None:
        super().__init__(features, totals, proxies)
        if positions < 1:
            raise ValueError(f"positions should be at least 1, got {positions}.")
        self.positions = positions
        self.make_scales(1)

    @property
    def length(self) -> int:
        """Positions."""
        return self.positions + self.totals

    def places(self) -> list[tuple[str, float]]:
        """Name the positions, with their relative depth; the network as a whole has none."""
        middles = [(index + 0.5) / self.positions for index in range(self.positions)]
        stretches = [(f"{index + 1}/{self.positions}", middle) for index, middle in enumerate(middles)]
        return stretches + [("network", float("nan"))] * self.totals

    def configuration(self) -> dict[str, Any]:
        """Say how to build this encoding again, before its state is loaded.

        Returns:
            Arguments of the constructor, plain values.
        """
        return {
            "features": self.features,
            "positions": self.positions,
            "totals": self.totals,
            "proxies": self.proxies.names,
        }

    def fit(self, tables: Sequence[Table]) -> None:
        """Find the scale of the features.

        Args:
            tables: Training tables only.

        Raises:
            ValueError: If there is no table.
            LookupError: If the tables do not have a feature.
        """
        self.features = which_features(tables, self.features)
        self.make_scales(1)
        self.adapt(tables)

    def adapt(self, tables: Sequence[Table]) -> None:
        """Set the scale of the features from another space, without targets.

        Args:
            tables: Tables of the other space.

        Raises:
            ValueError: If there is no table, or the encoding was never fitted.
            LookupError: If the tables do not have a feature.
        """
        which_features(tables, self.features)
        self._check_fitted()
        nodes = node_features(tables, self.features or [])
        self.scale.fit(nodes.values, _one_group(len(nodes.owner)))
        self.fit_totals(nodes, tables)

    def forward(self, tables: Sequence[Table]) -> Encoding:
        """Encode tables.

        Args:
            tables: Tables of any space.

        Returns:
            Features by relative depth; a table without live nodes is masked whole.

        Raises:
            ValueError: If the encoding was never fitted.
            LookupError: If a table lacks a statistic.
        """
        self._check_fitted()
        nodes = node_features(tables, self.features or [])
        scaled = self.scale(nodes.values, _one_group(len(nodes.owner)))
        counts = np.bincount(nodes.owner, minlength=len(tables)).tolist()
        values = torch.zeros(len(tables), self.length, scaled.shape[1])
        weights = {count: _coverage(count, self.positions) for count in set(counts)}
        for row, part in enumerate(scaled.split(counts)):
            if len(part):
                values[row, : self.positions] = weights[len(part)] @ part
        mask = (torch.tensor(counts) > 0)[:, None].repeat(1, self.length)
        return Encoding(self.place_totals(values, nodes, tables) * mask[..., None], mask)

    def _check_fitted(self) -> None:
        if self.features is None:
            raise ValueError("the encoding should be fitted before use; call fit(tables).")


def _one_group(nodes: int) -> Int[np.ndarray, " nodes"]:
    return np.zeros(nodes, dtype=np.int64)


def _coverage(nodes: int, positions: int) -> Float[Tensor, "positions nodes"]:
    """Weigh each node by the part of a position's stretch that it covers."""
    edges = torch.linspace(0, 1, positions + 1, dtype=torch.float64)
    node_edges = torch.linspace(0, 1, max(nodes, 1) + 1, dtype=torch.float64)
    right = torch.minimum(edges[1:, None], node_edges[None, 1:])
    left = torch.maximum(edges[:-1, None], node_edges[None, :-1])
    return ((right - left).clamp(min=0) * positions).float()[:, :nodes]
