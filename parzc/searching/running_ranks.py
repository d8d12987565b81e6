"""Ranks within a population that grows one by one."""

import numpy as np
from jaxtyping import Float

__all__ = ["RunningRanks"]


class RunningRanks:
    """Ranks by several members, kept up to date as the population grows.

    An architecture that joins shifts the ranks of those above it by one, which costs a comparison each;
    ranking anew would sort the whole population.

    Args:
        members: How many rank.
    """

    def __init__(self, members: int) -> None:
        self._size = 0
        self._scores = np.empty((members, 1024))
        self._ranks = np.empty((members, 1024))
        self._logs = np.empty(0)

    def __len__(self) -> int:
        """Count the population."""
        return self._size

    def add(self, scores: Float[np.ndarray, " members"]) -> None:
        """Let an architecture join.

        Args:
            scores: By each member, higher is better; NaN is worst.
        """
        if self._size == self._scores.shape[1]:
            self._scores, self._ranks = (
                np.concatenate([table, np.empty_like(table)], axis=1) for table in (self._scores, self._ranks)
            )
        new = np.where(np.isnan(scores), -np.inf, scores)[:, None]
        known, ranks = self._scores[:, : self._size], self._ranks[:, : self._size]
        above, equal = known > new, known == new
        ranks += above + 0.5 * equal
        below = self._size - above.sum(axis=1) - equal.sum(axis=1)
        self._scores[:, self._size] = new[:, 0]
        self._ranks[:, self._size] = below + 1 + equal.sum(axis=1) / 2
        self._size += 1

    def sum_of_logs(self) -> Float[np.ndarray, " population"]:
        """Aggregate as `parzc.aggregations.az_rank` does.

        Returns:
            The sum over members of the logarithm of the relative rank, of every architecture in the order of
            joining; higher is better, at most 0.
        """
        if len(self._logs) <= 2 * self._size:  # ranks are whole or half
            self._logs = np.log(np.maximum(np.arange(4 * self._size + 1024), 1) / 2)
        doubled = (2 * self._ranks[:, : self._size]).astype(np.int64)
        members = len(self._ranks)
        return np.asarray(self._logs[doubled].sum(axis=0) - members * np.log(max(self._size, 1)))
