"""How well scores rank architectures: rank correlations, nDCG and regret."""

import numpy as np
from jaxtyping import Float
from scipy import stats

__all__ = ["kendall_tau", "ndcg", "regret_at", "spearman_rho"]


def kendall_tau(scores: Float[np.ndarray, " n"], targets: Float[np.ndarray, " n"]) -> float:
    """Kendall tau-b, which counts ties on either side.

    Args:
        scores: Scores, higher is better; `-inf` is allowed, NaN is not.
        targets: Accuracies of the same architectures in the same order.

    Returns:
        A number in [-1, 1]; 1 when the order is the same.

    Raises:
        ValueError: If there are fewer than two architectures, a value is NaN, or either side is
            constant, where no rank correlation is defined.

    Source:
        Kendall, Biometrika 1945, computed by `scipy.stats.kendalltau`.
    """
    _check(scores, targets)
    return float(stats.kendalltau(scores, targets, variant="b").statistic)


def spearman_rho(scores: Float[np.ndarray, " n"], targets: Float[np.ndarray, " n"]) -> float:
    """Spearman rho: Pearson's correlation of the mid-ranks.

    Args:
        scores: Scores, higher is better; `-inf` is allowed, NaN is not.
        targets: Accuracies of the same architectures in the same order.

    Returns:
        A number in [-1, 1]; 1 when the order is the same.

    Raises:
        ValueError: As for `kendall_tau`.

    Source:
        Spearman, American Journal of Psychology 1904, computed by `scipy.stats.spearmanr`.
    """
    _check(scores, targets)
    return float(stats.spearmanr(scores, targets).statistic)


def ndcg(scores: Float[np.ndarray, " n"], targets: Float[np.ndarray, " n"]) -> float:
    r"""Normalised discounted cumulative gain of the whole ranking.

    .. math:: \sum_r \frac{g_r}{\log_2(r + 1)} \Big/ \sum_r \frac{g^*_r}{\log_2(r + 1)}

    The gain of an architecture is its target scaled to [0, 1] over the given set (worst 0, best 1),
    without an exponent; the discount of rank r = 1, 2, ... is 1 / log2(r + 1); the denominator is
    the same sum in the ideal order. Architectures with equal scores share the mean of their
    discounts.

    Args:
        scores: Scores, higher is better; `-inf` is allowed, NaN is not.
        targets: Accuracies of the same architectures in the same order.

    Returns:
        A number in (0, 1]; 1 when the order is the same. A random order is far above 0, so compare
        values on one set of architectures only.

    Raises:
        ValueError: As for `kendall_tau`.

    Source:
        Järvelin & Kekäläinen, ACM TOIS 2002; equal to `sklearn.metrics.ndcg_score` of the scaled
        targets. Deviation: their gains are given grades, ours are scaled accuracies.
    """
    _check(scores, targets)
    gains = (targets - targets.min()) / (targets.max() - targets.min())
    discounts = 1 / np.log2(np.arange(2, len(gains) + 2))
    _, place = np.unique(-scores, return_inverse=True)
    order = np.argsort(place, kind="stable")
    shared = np.bincount(place[order], weights=discounts) / np.bincount(place)
    ideal = np.sort(gains)[::-1] @ discounts
    return float(gains @ shared[place] / ideal)


def regret_at(k: int, scores: Float[np.ndarray, " n"], targets: Float[np.ndarray, " n"]) -> float:
    """Accuracy lost by training only the k best ranked architectures.

    Args:
        k: How many of the best ranked are trained; all of them if there are fewer.
        scores: Scores, higher is better; equal scores are ordered to the proxy's disadvantage.
        targets: Accuracies of the same architectures in the same order.

    Returns:
        Best target of all minus best target among the k, in the unit of the targets (a fraction of
        accuracy); 0 when the best is among them.

    Raises:
        ValueError: If k is below 1, or as for `kendall_tau`.
    """
    if k < 1:
        raise ValueError(f"k should be at least 1, got {k}.")
    _check(scores, targets)
    best_ranked = np.lexsort((targets, -scores))[:k]
    return float(targets.max() - targets[best_ranked].max())


def _check(scores: Float[np.ndarray, "..."], targets: Float[np.ndarray, "..."]) -> None:
    if scores.shape != targets.shape or scores.ndim != 1:
        raise ValueError(
            f"scores and targets should be two lists of one length, got shapes {scores.shape} and"
            f" {targets.shape}."
        )
    if len(scores) < 2:
        raise ValueError(f"a ranking needs at least 2 architectures, got {len(scores)}.")
    for name, values in (("scores", scores), ("targets", targets)):
        if missing := int(np.isnan(values).sum()):
            raise ValueError(f"{name} should be numbers, got NaN for {missing} of {len(values)}.")
        if (values == values[0]).all():
            raise ValueError(
                f"{name} should differ, got {values[0]:g} for all {len(values)}: no rank correlation"
                " is defined."
            )
