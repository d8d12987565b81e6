"""Gaussian processes over architectures that start from what a proxy expects."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import cholesky, solve_triangular

__all__ = ["ArchitectureProcess", "Belief", "typical_distance"]

_LEVEL = 3.0
_SLOPES = (0.1, 0.3, 0.6, 1.0)
_VARIANCES = (0.3, 1.0, 3.0)
_SMALLEST_VARIANCE = 1e-9
_NEGLIGIBLE = 1e-3
"""Of a belief's weight: such beliefs are left out."""
_SAMPLED = 500


class Belief(NamedTuple):
    """What is expected if the proxy is worth so much and networks vary so much.

    Attributes:
        weight: How probable that is given the values told; the weights of all beliefs sum to 1.
        mean: Of every architecture, higher is better.
        deviation: Its standard deviation.
    """

    weight: float
    mean: Float[np.ndarray, " n"]
    deviation: Float[np.ndarray, " n"]


class _Conditioned(NamedTuple):
    slope: float
    variance: float
    evidence: float
    mean: Float[np.ndarray, " n"]
    whitened: Float[np.ndarray, "known n"]


class ArchitectureProcess:
    r"""Values of architectures as a mixture of Gaussian processes.

    .. math:: f(a) = c + b\,m(a) + s\,g(\phi(a)), \qquad c \sim N(0, 3^2)

    m is the expectation by a proxy, g a process with a Matérn 5/2 kernel of unit variance on features, so
    that architectures whose networks look alike do alike; with several views of a network, the mean of
    their kernels. What the proxy is worth, b, and the variance s² are each one of a few, and believed as far
    as the values make them probable. Values are in units of standard deviations.

    Args:
        expected: By the proxy, standardised.
        views: Features of the architectures, one array a view, such that g changes over a distance of 1.
        noise: Standard deviation of a value around f.
        draws: Draws of what the proxy expects, if it is uncertain: f then varies like them too.
    """

    def __init__(
        self,
        expected: Float[np.ndarray, " n"],
        views: Sequence[Float[np.ndarray, "n _"]],
        *,
        noise: float,
        draws: Float[np.ndarray, "n draws"] | None = None,
    ) -> None:
        self._expected, self._noise = expected, noise
        self._views = [(view, (view**2).sum(axis=1)) for view in views]
        drawn = np.zeros((len(expected), 1)) if draws is None else draws
        self._doubt = (drawn - drawn.mean(axis=1, keepdims=True)) / drawn.shape[1] ** 0.5
        self._columns: dict[int, tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]] = {}

    def beliefs(self, rows: Int[np.ndarray, " known"], values: Float[np.ndarray, " known"]) -> list[Belief]:
        """Say what is expected given some values.

        Args:
            rows: Which architectures have a value, at least one.
            values: Theirs, standardised.

        Returns:
            One belief for each worth of the proxy and each variance that is probable enough.
        """
        every = list(self._condition(rows, values))
        doubted = (self._doubt**2).sum(axis=1)
        found = []
        for weight, given in zip(_weights(every), every, strict=True):
            if weight > _NEGLIGIBLE:
                prior = _LEVEL**2 + given.variance + given.slope**2 * doubted
                variance = np.maximum(prior - (given.whitened**2).sum(axis=0), _SMALLEST_VARIANCE)
                found.append(Belief(weight, given.mean, np.sqrt(variance)))
        total = sum(belief.weight for belief in found)
        return [belief._replace(weight=belief.weight / total) for belief in found]

    def draw(
        self,
        rows: Int[np.ndarray, " known"],
        values: Float[np.ndarray, " known"],
        among: Int[np.ndarray, " some"],
        generator: np.random.Generator,
    ) -> Float[np.ndarray, " some"]:
        """Draw values of some architectures together, given values of others.

        Args:
            rows: Which architectures have a value, at least one.
            values: Theirs, standardised.
            among: Which to draw for.
            generator: Of the draw.

        Returns:
            One draw from the posterior, from one of the processes.
        """
        every = list(self._condition(rows, values))
        given = every[generator.choice(len(every), p=_weights(every))]
        prior = self._covariance(among, given.slope, given.variance)[:, among]
        covariance = prior - given.whitened[:, among].T @ given.whitened[:, among]
        factor = cholesky(covariance + 1e-6 * np.eye(len(among)), lower=True)
        return np.asarray(given.mean[among] + factor @ generator.standard_normal(len(among)))

    def _condition(
        self, rows: Int[np.ndarray, " known"], values: Float[np.ndarray, " known"]
    ) -> Iterator[_Conditioned]:
        for variance, slope in itertools.product(_VARIANCES, _SLOPES):
            if slope == _SLOPES[0] or self._doubt.any():  # else the slope moves the mean only
                columns = self._covariance(rows, slope, variance)
                factor = cholesky(columns[:, rows] + self._noise**2 * np.eye(len(rows)), lower=True)
                whitened = solve_triangular(factor, columns, lower=True)
            surprise = solve_triangular(factor, values - slope * self._expected[rows], lower=True)
            evidence = -surprise @ surprise / 2 - np.log(factor.diagonal()).sum()
            mean = slope * self._expected + whitened.T @ surprise
            yield _Conditioned(slope, variance, float(evidence), mean, whitened)

    def _covariance(
        self, rows: Int[np.ndarray, " some"], slope: float, variance: float
    ) -> Float[np.ndarray, "some n"]:
        """Covariance of some architectures with all."""
        alike, doubted = zip(*(self._column(row) for row in rows.tolist()), strict=True)
        return _LEVEL**2 + variance * np.stack(alike) + slope**2 * np.stack(doubted)

    def _column(self, row: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """How much all architectures are like one, and how much the proxy errs alike on both."""
        if row not in self._columns:
            alike = np.zeros(len(self._expected))
            for view, squares in self._views:
                squared = squares + squares[row] - 2 * view @ view[row]
                distance = np.sqrt(5 * np.maximum(squared.astype(float), 0))
                alike += (1 + distance + distance**2 / 3) * np.exp(-distance) / len(self._views)
            self._columns[row] = alike, self._doubt @ self._doubt[row]
        return self._columns[row]


def _weights(every: Sequence[_Conditioned]) -> Float[np.ndarray, " processes"]:
    evidence = np.array([given.evidence for given in every])
    probable = np.exp(evidence - evidence.max())
    return np.asarray(probable / probable.sum())


def typical_distance(features: Float[np.ndarray, "n features"], generator: np.random.Generator) -> float:
    """Find how far architectures are apart.

    Args:
        features: Of at least one architecture.
        generator: Chooses some, if there are many.

    Returns:
        The median distance of two; 1 if it is 0.
    """
    some = features[generator.permutation(len(features))[:_SAMPLED]]
    squares = (some**2).sum(axis=1)
    squared = squares[:, None] + squares - 2 * some @ some.T
    pairs = squared[np.triu_indices(len(some), 1)]
    median = float(np.sqrt(max(0.0, np.median(pairs)))) if len(pairs) else 0.0
    return median or 1.0
