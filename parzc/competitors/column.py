"""One column of numbers from elsewhere, such as a published proxy."""

import numpy as np
from jaxtyping import Float, Int

from parzc.competitor import Candidates, Forecast

__all__ = ["Column"]


class Column:
    """A column as the score.

    Args:
        column: Its name in the track's `columns`; higher is better.
    """

    fewest, most, normal = 0, float("inf"), False

    def __init__(self, *, column: str) -> None:
        self.column = column

    def fit(
        self,
        candidates: Candidates,
        known: Int[np.ndarray, " budget"],
        targets: Float[np.ndarray, " budget"],
        *,
        seed: int,
    ) -> None:
        """Do nothing."""

    def predict(self, candidates: Candidates) -> Forecast:
        """Give the column.

        Raises:
            LookupError: If there is none of that name.
        """
        if self.column not in candidates.columns:
            known = ", ".join(candidates.columns) or "none"
            raise LookupError(f"the track has no column {self.column!r}; it has {known}.")
        scores = np.nan_to_num(candidates.columns[self.column], nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        return scores, np.zeros(len(scores))
