"""Which operation lies where, in a few numbers: what makes architectures of one space neighbours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from sklearn.decomposition import PCA
from torch import Tensor, nn

from parzc.encoding import KINDS, Encoding
from parzc.probing.stack import stack
from parzc.probing.table import NodeInfo, Table

__all__ = ["Placed"]

_SPREAD = 0.6
"""Standard deviation of all features together: below that of ranks, so that few labels see little in them."""


class Placed(nn.Module):
    """One position whose features are the principal components of what live operations are where.

    An architecture is first one bit for each name, kind and size of kernel (1 or more) of a live operation.
    The leading principal components of these bits within a space, without any target, keep nearly all of it
    for spaces of cells: for NAS-Bench-201's six edges of five operations it takes 22. Equal functions have
    equal bits, as dead nodes have none.

    Args:
        components: How many at most.
        share: Part of the bits' variance that is enough.
        bits: Names, kinds and sizes; set by `fit`.

    Source:
        None; one-hot encodings of cells as in White et al., NeurIPS 2020, read off the network.
    """

    middle: Tensor
    directions: Tensor

    def __init__(self, *, components: int = 32, share: float = 0.99, bits: Sequence[str] = ()) -> None:
        super().__init__()
        if components < 1 or not 0 < share <= 1:
            raise ValueError(
                "components should be at least 1 and share above 0 and at most 1,"
                f" got {components} and {share}."
            )
        self.components, self.share, self.bits = components, share, list(bits)
        self.register_buffer("middle", torch.zeros(len(self.bits), dtype=torch.float64))
        self.register_buffer("directions", torch.zeros(len(self.bits), 1, dtype=torch.float64))

    @property
    def length(self) -> int:
        """Positions."""
        return 1

    @property
    def channels(self) -> int:
        """Features at a position."""
        return self.directions.shape[1]

    @property
    def labels(self) -> list[str]:
        """Names of the features."""
        return [f"what is where {index + 1}" for index in range(self.channels)]

    def places(self) -> list[tuple[str, float]]:
        """Name the positions, with their relative depth; the network as a whole has none."""
        return [("network", float("nan"))]

    @property
    def statistics(self) -> list[str]:
        """Statistics that a table needs to be encoded: none."""
        return []

    def configuration(self) -> dict[str, Any]:
        """Say how to build this encoding again, before its state is loaded.

        Returns:
            Arguments of the constructor, plain values.
        """
        return {"components": self.components, "share": self.share, "bits": list(self.bits)}

    def fit(self, tables: Sequence[Table]) -> None:
        """Find the components.

        Args:
            tables: Training tables, and any without targets.

        Raises:
            ValueError: If there is no table.
        """
        if not len(tables):
            raise ValueError("an encoding should be fitted to at least one table, got none.")
        labels, _ = stack(tables).labels(_bit)
        self.bits = sorted(label for label in labels if label)
        present = self._present(tables)
        self.middle = torch.from_numpy(present.mean(0))
        directions = np.zeros((len(self.bits), 1))
        if present.var(0).sum() > 0:
            found = PCA(min(self.components, *present.shape), random_state=0).fit(present)
            kept = 1 + int((found.explained_variance_ratio_.cumsum() < self.share).sum())
            of_all = np.sqrt(found.explained_variance_[:kept].mean())
            directions = found.components_[:kept].T * (_SPREAD / of_all)
        self.directions = torch.from_numpy(np.ascontiguousarray(directions))

    def adapt(self, tables: Sequence[Table]) -> None:
        """Take the middle of other tables; operations at names that are new stay unknown.

        Args:
            tables: Such as those of another space, or also those without a target.

        Raises:
            ValueError: If there is no table, or the encoding was never fitted.
        """
        if not len(tables):
            raise ValueError("an encoding should be adapted to at least one table, got none.")
        self._check_fitted()
        self.middle = torch.from_numpy(self._present(tables).mean(0))

    def forward(self, tables: Sequence[Table]) -> Encoding:
        """Encode tables.

        Args:
            tables: Tables of the space that the encoding was fitted to.

        Returns:
            The components, at one position that is never masked.

        Raises:
            ValueError: If the encoding was never fitted.
        """
        self._check_fitted()
        values = (torch.from_numpy(self._present(tables)) - self.middle) @ self.directions
        return Encoding(values.float()[:, None], torch.ones(len(tables), 1) > 0)

    def _present(self, tables: Sequence[Table]) -> Float[np.ndarray, "tables bits"]:
        rows = stack(tables)
        labels, number = rows.labels(_bit)
        index = {bit: place for place, bit in enumerate(self.bits)}
        places = np.array([index.get(label, -1) for label in labels], dtype=np.int64)[number][rows.which]
        known = places >= 0
        present = np.zeros((len(rows), len(self.bits)))
        present[rows.owner[known], places[known]] = 1
        return present

    def _check_fitted(self) -> None:
        if not self.bits:
            raise ValueError("the encoding should be fitted before use; call fit(tables).")

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        """Take over the number of components before their values."""
        stored = state_dict.get(f"{prefix}directions")
        if isinstance(stored, Tensor) and stored.dim() == 2 and len(stored) == len(self.bits):
            self.directions = self.directions.new_zeros(stored.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _bit(node: NodeInfo) -> str:
    """Name what lies where; nothing for what is no live operation."""
    if not node.alive or node.kind not in KINDS:
        return ""
    return f"{node.name} {node.kind}{'+' if node.kernel > 1 else ''}"
