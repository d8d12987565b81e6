"""Bayesian optimisation over architectures, starting from a proxy."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import norm

from parzc import plugins
from parzc.probing.table import Architecture
from parzc.ranking import ranks
from parzc.searching.candidates import Candidates
from parzc.searching.gaussian_process import ArchitectureProcess, typical_distance
from parzc.searching.strategy import NothingLeftError

__all__ = ["Bayesian"]

_STATISTICS = ("grad_norm", "snip", "fisher", "synflow", "activation_variance", "output_gradient_norm")
_SHORTLIST = 400
"""Architectures that one joint draw is made for, the most promising ones."""


class Bayesian:
    """ParZC search: a Gaussian process over tables that starts from what a proxy expects.

    Before anything is trained, the order of the proxy is believed. Each accuracy told corrects the belief,
    most for architectures whose networks look alike (`parzc.searching.gaussian_process`). Where a learned
    proxy is uncertain, so is the belief: it follows the draws of the proxy's posterior.

    Args:
        candidates: What to draw from, with a proxy.
        seed: Of the pool and of all draws.
        pool: How many architectures to draw and read.
        statistics: What is read of them.
        encoding: How tables get one shape: a name, with options in a mapping, or an encoding. It is fitted
            to the pool, without accuracies.
        acquisition: Ask for the largest expected improvement over the best told, the largest upper
            confidence bound, or the best of a draw from the posterior (`thompson`).
        length: The distance over which accuracies differ, in median distances of the pool.
        noise: Standard deviation of repeated trainings, in standard deviations of the accuracies told.
        confidence: Standard deviations of the upper confidence bound.

    Source:
        None: our own. Expected improvement: Jones, Schonlau & Welch 1998; upper confidence bound:
        Srinivas et al., ICML 2010; Thompson 1933.
    """

    def __init__(
        self,
        *,
        candidates: Candidates,
        seed: int,
        pool: int = 1000,
        statistics: Sequence[str] = _STATISTICS,
        encoding: Any = "aligned",
        acquisition: Literal["expected_improvement", "upper_confidence", "thompson"] = "expected_improvement",
        length: float = 1.2,
        noise: float = 0.05,
        confidence: float = 1.0,
    ) -> None:
        self._candidates, self._generator = candidates, np.random.default_rng(seed)
        self._acquisition, self._confidence = acquisition, confidence
        tables = candidates.tables(candidates.pool(pool, seed), statistics)
        if not tables:
            raise ValueError("no network of the pool could be read; the messages above say why.")
        self._pool = list(tables)
        self._row = {candidates.space.canonical(name): row for row, name in enumerate(self._pool)}
        fitted = plugins.build("encodings", encoding)
        fitted.fit(list(tables.values()))
        features = fitted(list(tables.values())).flat().double().numpy()
        scores = candidates.score(self._pool)
        draws = candidates.draws(self._pool)
        self._process = ArchitectureProcess(
            _standardised(scores),
            features,
            length=length * typical_distance(features, self._generator),
            noise=noise,
            draws=None if draws is None else draws / (np.nanstd(scores) or 1.0),
        )
        self._told: dict[int, float] = {}
        self._asked: list[int] = []

    def ask(self) -> Architecture:
        """Name the architecture of the pool that promises most.

        Raises:
            NothingLeftError: If the whole pool has been asked for.
        """
        gain = self._gain()
        gain[[*self._told, *self._asked]] = -np.inf
        best = int(np.argmax(gain))
        if gain[best] == -np.inf:
            raise NothingLeftError("every architecture of the pool has been asked for; say strategy.pool=….")
        self._asked.append(best)
        return self._pool[best]

    def tell(self, architecture: Architecture, accuracy: float) -> None:
        """Correct the belief; an architecture outside the pool says nothing."""
        row = self._row.get(self._candidates.space.canonical(architecture))
        if row is not None:
            self._told[row] = accuracy
            self._asked = [asked for asked in self._asked if asked != row]

    def _gain(self) -> Float[np.ndarray, " pool"]:
        rows, values = self._known()
        if not len(rows):
            return self._process.posterior(rows, values)[0].copy()
        mean, deviation = self._process.posterior(rows, values)
        if self._acquisition == "upper_confidence":
            return np.asarray(mean + self._confidence * deviation)
        if self._acquisition == "thompson":
            among = np.argsort(-(mean + 2 * deviation), kind="stable")[: _SHORTLIST + len(rows)]
            gain = np.full(len(mean), -np.inf)
            gain[among] = self._process.draw(rows, values, among, self._generator)
            return gain
        above = mean - values.max()
        standard = above / deviation
        return np.asarray(above * norm.cdf(standard) + deviation * norm.pdf(standard))

    def _known(self) -> tuple[Int[np.ndarray, " known"], Float[np.ndarray, " known"]]:
        """Standardise what was told; what is being trained counts as expected, so that asks differ."""
        rows = np.array(list(self._told), dtype=np.int64)
        errors = -np.log(1.001 - np.array(list(self._told.values()), dtype=float))
        values = (errors - errors.mean()) / (errors.std() or 1.0) if len(errors) else errors
        if self._asked:
            pending = np.array(self._asked, dtype=np.int64)
            expected = self._process.posterior(rows, values)[0][pending]
            return np.concatenate([rows, pending]), np.concatenate([values, expected])
        return rows, values


def _standardised(scores: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Give a Gaussian's quantiles to scores by rank; a missing one is worst."""
    rank = ranks(scores[None], scores[None])[0]
    return np.asarray(norm.ppf((rank - 0.5) / len(rank)))
