"""The numbers that `parzc evaluate` writes."""

import numpy as np
from jaxtyping import Float

from parzc.evaluation.correlation import kendall_tau, ndcg, regret_at, spearman_rho

__all__ = ["REGRET_AT", "evaluate"]

REGRET_AT = (1, 5, 10)
"""How many of the best ranked architectures one may afford to train."""


def evaluate(scores: Float[np.ndarray, " n"], targets: Float[np.ndarray, " n"]) -> dict[str, float | int]:
    """Compare scores with accuracies in every way we report.

    Args:
        scores: Scores, higher is better.
        targets: Accuracies, as fractions, of the same architectures in the same order.

    Returns:
        `kendall_tau`, `spearman_rho`, `ndcg` (higher is better), `regret_at_1`, `regret_at_5`,
        `regret_at_10` (fractions of accuracy, lower is better) and `n`, the number of
        architectures.

    Raises:
        ValueError: If a value is NaN, either side is constant, or there are fewer than two.
    """
    return {
        "kendall_tau": kendall_tau(scores, targets),
        "spearman_rho": spearman_rho(scores, targets),
        "ndcg": ndcg(scores, targets),
        **{f"regret_at_{k}": regret_at(k, scores, targets) for k in REGRET_AT},
        "n": len(scores),
    }
