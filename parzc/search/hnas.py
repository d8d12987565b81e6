"""HNAS: the weights of one training-free objective are learned."""

import numpy as np
from jaxtyping import Float

from parzc.probing.table import Architecture
from parzc.searching.candidates import Candidates
from parzc.searching.strategy import NothingLeftError
from parzc.searching.surrogate import propose

__all__ = ["HNAS"]

_FIRST_EXPONENT = -2.0
_BOUNDS = ((0.0, 1.0), (-4.0, 0.0))
"""Of t over its scale, and of log10(mu)."""


class HNAS:
    r"""HNAS: Bayesian optimisation over the two parameters of a training-free objective.

    .. math:: \mu \, \lvert M^2 - t^2 \rvert + \frac{\kappa}{M + 10^{-6}}

    M is a proxy of the size of the gradient, kappa the condition number of the neural tangent kernel. Each
    step proposes mu and t and asks for the architecture of the pool with the least objective.

    Args:
        candidates: What to draw from.
        seed: Of the pool and of the optimisation.
        metric: The proxy M.
        condition: The proxy that is minus kappa.
        scale: The largest t; by default the median of M in the first pool. Above most of M the objective
            only wants M large, which is what the published 5000 does to our values of `ntk_trace`.
        grow: How many architectures join the pool in each step.
        initial: Steps with t evenly spaced and mu of .01, before the optimisation.

    Source:
        Shu et al., NeurIPS 2022. Compared with shuyao95/HNAS. Deviations: architectures whose kernel is
        singular are left out (there rounding decides the sign of kappa, and dead cells can come out
        best); the pool grows without repetition; the scale.
    """

    def __init__(
        self,
        *,
        candidates: Candidates,
        seed: int,
        metric: str = "ntk_trace",
        condition: str = "ntk_condition",
        scale: float | None = None,
        grow: int = 2000,
        initial: int = 5,
    ) -> None:
        if grow < 1:
            raise ValueError(f"grow should be at least 1, got {grow}.")
        self._measure = candidates.proxies([metric, condition])
        self._drawn = candidates.draw(seed)
        self._generator = np.random.default_rng(seed)
        self._first = [np.array([t, _FIRST_EXPONENT]) for t in np.linspace(0, 1, max(initial, 0))]
        self._scale, self._grow = scale, grow
        self._pool: list[Architecture] = []
        self._values = np.empty((2, 0))
        self._used: set[Architecture] = set()
        self._pending: dict[Architecture, Float[np.ndarray, " two"]] = {}
        self._points: list[Float[np.ndarray, " two"]] = []
        self._accuracies: list[float] = []

    def ask(self) -> Architecture:
        """Propose parameters and name the best architecture by them that was not trained.

        Raises:
            NothingLeftError: If all architectures that can be scored have been asked for.
        """
        self._enlarge()
        point = self._first.pop(0) if self._first else self._propose()
        order: list[int] = np.argsort(self._objective(point), kind="stable").tolist()
        for architecture in (self._pool[index] for index in order):
            if architecture not in self._used:
                self._used.add(architecture)
                self._pending[architecture] = point
                return architecture
        raise NothingLeftError("every architecture that has a condition number has been asked for.")

    def tell(self, architecture: Architecture, accuracy: float) -> None:
        """Learn what the parameters led to that chose an architecture; others are only left out."""
        self._used.add(architecture)
        if architecture in self._pending:
            self._points.append(self._pending.pop(architecture))
            self._accuracies.append(accuracy)

    def _propose(self) -> Float[np.ndarray, " two"]:
        points, accuracies = np.reshape(self._points, (-1, 2)), np.array(self._accuracies, dtype=float)
        return propose(points, accuracies, _BOUNDS, "expected_improvement", self._generator)

    def _objective(self, point: Float[np.ndarray, " two"]) -> Float[np.ndarray, " pool"]:
        size, condition = self._values[0], -self._values[1]
        if self._scale is None:
            self._scale = float(np.median(size))
        t, mu = self._scale * point[0], 10 ** point[1]
        return np.asarray(mu * abs(size**2 - t**2) + condition / (size + 1e-6))

    def _enlarge(self) -> None:
        new = [name for _, name in zip(range(self._grow), self._drawn, strict=False)]
        if new:
            values = self._measure(new)
            known = np.flatnonzero(np.isfinite(values).all(axis=0))
            self._pool += [new[index] for index in known.tolist()]
            self._values = np.concatenate([self._values, values[:, known]], axis=1)
