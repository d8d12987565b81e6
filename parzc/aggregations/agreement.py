"""Rank aggregation by how much the members agree, which needs no label to weigh them."""

import numpy as np
from jaxtyping import Float

from parzc.ranking import ranks

__all__ = ["agreement"]

_COMMON = 0.9
"""Largest part of a member's variance that counts as common to all."""
_STEPS = 100
_DIGITS = 9


def agreement(
    scores: Float[np.ndarray, "members architectures"],
    population: Float[np.ndarray, "members population"] | None = None,
) -> Float[np.ndarray, " architectures"]:
    r"""Sum of logarithms of ranks, each member weighed by how much it agrees with the others here.

    .. math:: \sum_k \frac{\lambda_k}{1 - \min(\lambda_k^2, .9)} \, \frac{1}{\sigma_k} \log \frac{r_k}{m}

    r is the rank among the m of the population, as in `parzc.aggregations.az_rank`, and σ the standard
    deviation of its logarithm. If members err independently, what they share is what they measure: λ is the
    loading of a member in a model of their correlations with one common factor, and the weights are
    those that predict this factor best. So what pays may differ from space to space, and is seen without a
    label. A member that goes against the rest has no say, nor has one that is the same for all. Of
    fewer than three members none can be told from another, and they count alike.

    Give it one member for each thing that could matter: members that measure the same thing agree for that
    reason alone.

    Args:
        scores: Scores of the members, higher is better; a missing one (NaN) shares the last rank
            with those at `-inf`.
        population: Scores of the architectures to rank among; the given architectures by default.

    Returns:
        Higher is better, without unit. Meaningful within one population only.

    Source:
        Rankers that err independently can be weighed by the leading eigenvector of what they agree in:
        Parisi et al., PNAS 2014 (spectral meta-learner), of classifiers. Loadings by iterated principal
        factors, weights by Bartlett 1937. Deviations: logarithms of ranks (Lee & Ham, CVPR 2024) instead of
        votes; loadings below zero are taken out, the least first; a member's own variance is
        at least a tenth (Heywood cases).
    """
    among = scores if population is None else population
    logs, ours = np.log(ranks(among, among)), np.log(ranks(scores, among) / among.shape[1])
    weights = _weights(logs)
    return np.asarray((weights[:, None] * ours).sum(axis=0))


def _weights(logs: Float[np.ndarray, "members population"]) -> Float[np.ndarray, " members"]:
    """Weigh members that are not standardised."""
    centred = logs - logs.mean(axis=1, keepdims=True)
    deviations = np.sqrt((centred**2).mean(axis=1))
    varied = np.flatnonzero(deviations > 1e-9)
    if not len(varied):
        return np.ones(len(logs))
    standard = centred[varied] / deviations[varied, None]
    weights = np.zeros(len(logs))
    weights[varied] = _agreeing(standard @ standard.T / logs.shape[1]) / deviations[varied]
    # the order of architectures changes sums in their last digits, and should not change scores
    return np.round(weights, _DIGITS)


def _agreeing(correlations: Float[np.ndarray, "members members"]) -> Float[np.ndarray, " members"]:
    """Give standardised members the weights of their common factor."""
    kept = np.arange(len(correlations))
    weights = np.zeros(len(correlations))
    while len(kept) > 2:
        loadings = _loadings(correlations[np.ix_(kept, kept)])
        if loadings.min() >= 0:
            weights[kept] = loadings / (1 - np.minimum(loadings**2, _COMMON))
            return weights
        kept = np.delete(kept, loadings.argmin())
    weights[kept] = 1.0
    return weights


def _loadings(correlations: Float[np.ndarray, "members members"]) -> Float[np.ndarray, " members"]:
    """Explain correlations between members by one factor; their variances stay their own affair."""
    reduced = correlations.copy()
    common = np.full(len(reduced), 0.5)
    loadings = common
    for _ in range(_STEPS):
        np.fill_diagonal(reduced, common)
        values, vectors = np.linalg.eigh(reduced)
        loadings = vectors[:, -1] * np.sqrt(max(values[-1], 0.0))
        common = np.minimum(loadings**2, _COMMON)
    return loadings if loadings.sum() >= 0 else -loadings
