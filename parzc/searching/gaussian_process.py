"""A Gaussian process over architectures that starts from what a proxy expects."""

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import cholesky, solve_triangular

__all__ = ["ArchitectureProcess", "typical_distance"]

_LEVEL = 2.0
_SLOPE = 0.5
_SMALLEST_VARIANCE = 1e-9
_SAMPLED = 500


class ArchitectureProcess:
    r"""Values of architectures as a Gaussian process.

    .. math:: f(a) = c + b\,m(a) + g(\phi(a)), \qquad c \sim N(0, 2^2), \quad b \sim N(1, 0.5^2)

    m is the expectation by a proxy, g a process with a Matérn 5/2 kernel of unit variance on features, so
    that architectures whose networks look alike do alike. Values are in units of standard deviations.

    Args:
        expected: By the proxy, standardised.
        features: Of the architectures; only distances matter.
        length: The distance over which g changes.
        noise: Standard deviation of a value around f.
        draws: Draws of what the proxy expects, if it is uncertain: f then varies like them too.
    """

    def __init__(
        self,
        expected: Float[np.ndarray, " n"],
        features: Float[np.ndarray, "n features"],
        *,
        length: float,
        noise: float,
        draws: Float[np.ndarray, "n draws"] | None = None,
    ) -> None:
        self._expected = expected
        self._features = features
        self._squares = (features**2).sum(axis=1)
        self._length, self._noise = length, noise
        basis = [np.full((len(expected), 1), _LEVEL), _SLOPE * expected[:, None]]
        if draws is not None:
            basis.append((draws - draws.mean(axis=1, keepdims=True)) / np.sqrt(draws.shape[1]))
        self._basis = np.concatenate(basis, axis=1)
        self._columns: dict[int, Float[np.ndarray, " n"]] = {}

    def posterior(
        self, rows: Int[np.ndarray, " known"], values: Float[np.ndarray, " known"]
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Say what is expected given some values.

        Args:
            rows: Which architectures have a value.
            values: Theirs, standardised.

        Returns:
            Mean, higher is better, and standard deviation, of every architecture.
        """
        mean, whitened = self._condition(rows, values)
        variance = 1 + (self._basis**2).sum(axis=1) - (whitened**2).sum(axis=0)
        return mean, np.asarray(np.sqrt(np.maximum(variance, _SMALLEST_VARIANCE)))

    def draw(
        self,
        rows: Int[np.ndarray, " known"],
        values: Float[np.ndarray, " known"],
        among: Int[np.ndarray, " some"],
        generator: np.random.Generator,
    ) -> Float[np.ndarray, " some"]:
        """Draw values of some architectures together, given values of others.

        Args:
            rows: Which architectures have a value.
            values: Theirs, standardised.
            among: Which to draw for.
            generator: Of the draw.

        Returns:
            One draw from the posterior.
        """
        mean, whitened = self._condition(rows, values)
        prior = np.stack([self._column(row)[among] for row in among.tolist()], axis=1)
        covariance = prior - whitened[:, among].T @ whitened[:, among]
        factor = cholesky(covariance + 1e-6 * np.eye(len(among)), lower=True)
        return np.asarray(mean[among] + factor @ generator.standard_normal(len(among)))

    def _condition(
        self, rows: Int[np.ndarray, " known"], values: Float[np.ndarray, " known"]
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "known n"]]:
        if not len(rows):
            return self._expected, np.zeros((0, len(self._expected)))
        columns = np.stack([self._column(row) for row in rows.tolist()])
        factor = cholesky(columns[:, rows] + self._noise**2 * np.eye(len(rows)), lower=True)
        whitened = solve_triangular(factor, columns, lower=True)
        surprise = solve_triangular(factor, values - self._expected[rows], lower=True)
        return self._expected + whitened.T @ surprise, whitened

    def _column(self, row: int) -> Float[np.ndarray, " n"]:
        """Covariance of all architectures with one."""
        if row not in self._columns:
            squared = self._squares + self._squares[row] - 2 * self._features @ self._features[row]
            distance = np.sqrt(5 * np.maximum(squared, 0)) / self._length
            alike = (1 + distance + distance**2 / 3) * np.exp(-distance)
            self._columns[row] = alike + self._basis @ self._basis[row]
        return self._columns[row]


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
