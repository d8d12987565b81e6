"""RoBoT: the mixture of training-free proxies is learned."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from parzc.probing.table import Architecture
from parzc.searching.candidates import Candidates
from parzc.searching.strategy import NothingLeftError
from parzc.searching.surrogate import propose

__all__ = ["RoBoT"]


class RoBoT:
    """RoBoT: Bayesian optimisation over the weights of proxies, then greedy exploitation.

    In each step of the exploration weights are proposed and the best architecture of the pool by their
    mixture is trained, unless it was before. Then the pool is trained in the order of the best mixture found.

    Args:
        candidates: What to draw from.
        seed: Of the pool and of the optimisation.
        proxies: What is mixed, with weights from -1 to 1.
        pool: How many architectures to draw and score.
        explore: Steps of the exploration.
        normalise: `minmax` to bring each proxy to [0, 1] as it is, as published; `rank` to take its
            ranks, which a few huge values do not flatten.

    Source:
        He et al., ICLR 2024. Compared with hzf1174/RoBoT. Deviations: a missing score counts as the worst
        of its proxy, and extremes are taken over what is there.
    """

    def __init__(
        self,
        *,
        candidates: Candidates,
        seed: int,
        proxies: Sequence[str] = ("grad_norm", "snip", "grasp", "fisher", "synflow", "jacob_cov"),
        pool: int = 1000,
        explore: int = 20,
        normalise: Literal["minmax", "rank"] = "minmax",
    ) -> None:
        self._pool = candidates.pool(pool, seed)
        self._proxies = _normalise(candidates.proxies(proxies)(self._pool), normalise)
        self._generator = np.random.default_rng(seed)
        self._to_explore = explore
        self._known: dict[Architecture, float] = {}
        self._pending: dict[Architecture, Float[np.ndarray, " proxies"]] = {}
        self._weights: list[Float[np.ndarray, " proxies"]] = []
        self._accuracies: list[float] = []

    def ask(self) -> Architecture:
        """Name the best architecture by weights to explore, or the next by the best weights.

        Raises:
            NothingLeftError: If the whole pool has been asked for.
        """
        while self._to_explore:
            self._to_explore -= 1
            weights = self._propose()
            best = self._pool[int(np.argmax(weights @ self._proxies))]
            if best in self._known:
                self._learn(weights, self._known[best])
            elif best not in self._pending:
                self._pending[best] = weights
                return best
        return self._exploit()

    def tell(self, architecture: Architecture, accuracy: float) -> None:
        """Learn what the weights led to that chose an architecture; others are only left out."""
        self._known[architecture] = accuracy
        if architecture in self._pending:
            self._learn(self._pending.pop(architecture), accuracy)

    def _propose(self) -> Float[np.ndarray, " proxies"]:
        bounds = [(-1.0, 1.0)] * len(self._proxies)
        weights = np.reshape(self._weights, (-1, len(self._proxies)))
        return propose(weights, np.array(self._accuracies), bounds, "upper_confidence", self._generator)

    def _learn(self, weights: Float[np.ndarray, " proxies"], accuracy: float) -> None:
        self._weights.append(weights)
        self._accuracies.append(accuracy)

    def _exploit(self) -> Architecture:
        if self._accuracies:  # the latest of equals, as published
            last = len(self._accuracies) - 1 - int(np.argmax(self._accuracies[::-1]))
            weights = self._weights[last]
        else:
            weights = np.ones(len(self._proxies))
        order: list[int] = np.argsort(-(weights @ self._proxies), kind="stable").tolist()
        for architecture in (self._pool[index] for index in order):
            if architecture not in self._known and architecture not in self._pending:
                self._pending[architecture] = weights
                return architecture
        raise NothingLeftError("every architecture of the pool has been asked for; say pool=….")


def _normalise(
    scores: Float[np.ndarray, "proxies pool"], how: Literal["minmax", "rank"]
) -> Float[np.ndarray, "proxies pool"]:
    scores = np.where(np.isfinite(scores), scores, np.nan)
    low = np.nanmin(np.where(np.isnan(scores), np.inf, scores), axis=1, keepdims=True)
    filled = np.where(np.isnan(scores), low, scores)
    if how == "rank":
        filled = rankdata(filled, axis=1)
        low = filled.min(axis=1, keepdims=True)
    width = filled.max(axis=1, keepdims=True) - low
    return np.asarray((filled - low) / np.where(width > 0, width, 1))
