"""What a predictor does not know of architectures without a target, and which labels would tell it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from parzc.encoding import Encoding
from parzc.ranking import standard_ranks

__all__ = ["Belief", "Pool", "most_telling"]

_DRAWS = 32
_SEED = 0


@dataclass(frozen=True, eq=False)
class Belief:
    """The joint posterior of a pool's scores.

    Attributes:
        mean: Scores, higher is better.
        covariance: Of what is not known of them, in squared units of a score.
        noise: Variance of a target about its score.
    """

    mean: Float[np.ndarray, " pool"]
    covariance: Float[np.ndarray, "pool pool"]
    noise: float


@dataclass(frozen=True, eq=False)
class Pool:
    """Architectures to choose from, and the predictor that learned from those with a target.

    Attributes:
        predictor: In evaluation mode.
        encoding: The pool.
        weights: How many architectures each of the pool stands for.
        known: The architectures with a target.
        targets: Theirs, in any unit.
    """

    predictor: Any
    encoding: Encoding
    weights: Float[np.ndarray, " pool"]
    known: Encoding
    targets: Float[np.ndarray, " known"]

    def belief(self) -> Belief:
        """Ask the predictor what it knows of the pool.

        Returns:
            The belief: exact if the predictor has a `covariance`, else by draws from its posterior,
            with the error on the known targets for noise.

        Raises:
            TypeError: If the predictor has neither `covariance` nor `sample`.
        """
        with torch.no_grad():
            mean = self._mean(self.encoding)
            if hasattr(self.predictor, "covariance"):
                covariance = self.predictor.covariance(self.encoding).double().numpy()
                return Belief(mean, covariance, float(self.predictor.noise_variance))
            if not hasattr(self.predictor, "sample"):
                raise TypeError(
                    "the predictor should have a method `covariance` or `sample`, so that it can say what"
                    f" it does not know; {type(self.predictor).__name__} has neither. Use"
                    " acquisition=k_center."
                )
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(_SEED)
                draws = self.predictor.sample(self.encoding, _DRAWS).double().numpy()
            error = self._mean(self.known) - standard_ranks(self.targets)
        return Belief(mean, np.atleast_2d(np.cov(draws, rowvar=False)), float(np.mean(error**2)))

    def _mean(self, encoding: Encoding) -> Float[np.ndarray, " tables"]:
        scores: Float[np.ndarray, " tables"] = self.predictor(encoding).mean(0).double().numpy()
        return scores


def most_telling(
    belief: Belief, loss: Float[np.ndarray, "pool pool"], count: int
) -> Int[np.ndarray, " count"]:
    r"""Choose the labels after which a quadratic loss of the scores is expected to be least.

    The loss :math:`(f - \hat f)^\top M (f - \hat f)` has the expectation :math:`\operatorname{tr} M C`
    with the covariance C, and the label of architecture i, with noise :math:`s^2`, lowers it by
    :math:`c_i^\top M c_i / (C_{ii} + s^2)`. Labels are chosen one by one; C does not depend on what they
    turn out to be, so that none needs to be known before the next is chosen.

    Args:
        belief: Of the pool.
        loss: M, symmetric and positive semi-definite.
        count: How many, at most the size of the pool.

    Returns:
        Places in the pool, all different, most telling first.
    """
    covariance = belief.covariance.copy()
    gains = (covariance * (loss @ covariance)).sum(0)
    chosen: list[int] = []
    for _ in range(count):
        gain = gains / (covariance.diagonal() + belief.noise)
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        chosen.append(best)
        column, total = covariance[:, best].copy(), covariance[best, best] + belief.noise
        share, spread = column / total, loss @ column
        gains += share**2 * (column @ spread) - 2 * share * (spread @ covariance)
        covariance -= np.outer(share, column)
    return np.array(chosen, dtype=np.int64)
