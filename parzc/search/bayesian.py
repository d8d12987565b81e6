"""Bayesian optimisation over architectures, starting from a proxy."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import norm

from parzc import plugins
from parzc.probing.stack import stack
from parzc.probing.table import Architecture, Table
from parzc.ranking import ranks
from parzc.searching.candidates import Candidates
from parzc.searching.gaussian_process import ArchitectureProcess, Belief, typical_distance
from parzc.searching.strategy import NothingLeftError

__all__ = ["Bayesian"]

_STATISTICS = ("grad_norm", "snip", "fisher", "synflow", "activation_variance", "output_gradient_norm")
_SHORTLIST = 400
"""Architectures that one joint draw is made for, the most promising ones."""


class Bayesian:
    """ParZC search: Gaussian processes over tables that start from what a proxy expects.

    Before anything is trained, the order of the proxy is believed. Each accuracy told corrects the belief,
    most for architectures whose networks look alike, and shows what the proxy is worth
    (`parzc.searching.gaussian_process`). Where a learned proxy is uncertain, so is the belief: it
    follows the draws of the proxy's posterior.

    Args:
        candidates: What to draw from, with a proxy.
        seed: Of the pool and of all draws.
        pool: How many architectures to draw and read.
        statistics: What is read of them.
        encodings: How tables get one shape: names, with options in a mapping, or encodings. Networks are
            alike as far as each of these views says so. They are fitted to the pool, without accuracies.
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
        encodings: Sequence[Any] = ("ranked", "aligned"),
        acquisition: Literal["expected_improvement", "upper_confidence", "thompson"] = "expected_improvement",
        length: float = 1.7,
        noise: float = 0.05,
        confidence: float = 1.0,
    ) -> None:
        if not encodings:
            raise ValueError("encodings should name at least one, got none.")
        self._candidates, self._generator = candidates, np.random.default_rng(seed)
        self._acquisition, self._confidence = acquisition, confidence
        tables = candidates.tables(candidates.pool(pool, seed), statistics)
        if not tables:
            raise ValueError("no network of the pool could be read; the messages above say why.")
        self._pool = list(tables)
        self._row = {candidates.space.canonical(name): row for row, name in enumerate(self._pool)}
        scores = candidates.score(self._pool)
        self._expected = _standardised(scores)
        draws = candidates.draws(self._pool)
        stacked = stack(list(tables.values()))
        views = [_encode(encoding, stacked) for encoding in encodings]
        self._process = ArchitectureProcess(
            self._expected,
            [view / (length * typical_distance(view, self._generator)) for view in views],
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
            return self._expected.copy()
        beliefs = self._process.beliefs(rows, values)
        if self._acquisition == "thompson":
            among = np.argsort(-_bound(beliefs, 2.0), kind="stable")[: _SHORTLIST + len(rows)]
            gain = np.full(len(self._pool), -np.inf)
            gain[among] = self._process.draw(rows, values, among, self._generator)
            return gain
        if self._acquisition == "upper_confidence":
            return _bound(beliefs, self._confidence)
        return _improvement(beliefs, values.max())

    def _known(self) -> tuple[Int[np.ndarray, " known"], Float[np.ndarray, " known"]]:
        """Standardise what was told; what is being trained counts as expected, so that asks differ."""
        rows = np.array(list(self._told), dtype=np.int64)
        errors = -np.log(1.001 - np.array(list(self._told.values()), dtype=float))
        values = (errors - errors.mean()) / (errors.std() or 1.0) if len(errors) else errors
        if self._asked:
            pending = np.array(self._asked, dtype=np.int64)
            expected = _bound(self._process.beliefs(rows, values), 0.0) if len(rows) else self._expected
            return np.concatenate([rows, pending]), np.concatenate([values, expected[pending]])
        return rows, values


def _encode(encoding: Any, tables: Sequence[Table]) -> Float[np.ndarray, "pool features"]:
    fitted = plugins.build("encodings", encoding)
    fitted.fit(tables)
    return np.asarray(fitted(tables).flat().numpy())


def _bound(beliefs: Sequence[Belief], confidence: float) -> Float[np.ndarray, " pool"]:
    return sum(
        (belief.weight * (belief.mean + confidence * belief.deviation) for belief in beliefs),
        start=np.zeros(len(beliefs[0].mean)),
    )


def _improvement(beliefs: Sequence[Belief], best: float) -> Float[np.ndarray, " pool"]:
    """Expect how far each comes above the best told; below it counts as 0."""
    gain = np.zeros(len(beliefs[0].mean))
    for weight, mean, deviation in beliefs:
        above = mean - best
        gain += weight * (above * norm.cdf(above / deviation) + deviation * norm.pdf(above / deviation))
    return gain


def _standardised(scores: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Give a Gaussian's quantiles to scores by rank; a missing one is worst."""
    rank = ranks(scores[None], scores[None])[0]
    return np.asarray(norm.ppf((rank - 0.5) / len(rank)))
