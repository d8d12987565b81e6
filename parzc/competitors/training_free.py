"""Training-free proxies and aggregates, and trained proxy files."""

import numpy as np
from jaxtyping import Float, Int

from parzc.aggregate import AggregateProxy
from parzc.competitor import Candidates, Forecast
from parzc.proxy import open_proxy

__all__ = ["TrainingFree"]


class TrainingFree:
    """Any proxy as it is, which learns nothing from the accuracies.

    Args:
        proxy: The name of a training-free proxy, an aggregate such as `az_rank(synflow,snip)`, which
            ranks all candidates among each other, or a proxy file. A score that is missing is the lowest.
    """

    fewest, most, normal = 0, float("inf"), False

    def __init__(self, *, proxy: str) -> None:
        self.proxy = open_proxy(proxy)

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
        """Score each candidate, or rank all of them."""
        if isinstance(self.proxy, AggregateProxy):
            scores = self.proxy.combine(np.stack(candidates.by_table(self.proxy.measure)))
        else:
            scores, _ = candidates.by_table(self.proxy.predict)
        # a deviation would not be on the scale of the accuracies' ranks
        return np.nan_to_num(scores, nan=-np.inf, posinf=np.inf, neginf=-np.inf), np.zeros(len(scores))
