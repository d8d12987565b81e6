"""How often a vote of proxies decides a pair as the accuracies do."""

import numpy as np
from jaxtyping import Float

from parzc.ranking import majorities

__all__ = ["vote_accuracy"]


def vote_accuracy(
    scores: Float[np.ndarray, "members architectures"], targets: Float[np.ndarray, " architectures"]
) -> float:
    """Share of ordered pairs with different targets that the majority decides rightly.

    The first of a pair is said to be better if at least half of the members put it strictly above
    the second, else worse. Both orders of a pair count, so that a pair without winner is half right.

    Args:
        scores: Scores of the members, higher is better; NaN where missing. One member gives the
            pairwise accuracy of a single proxy.
        targets: Accuracies of the same architectures in the same order.

    Returns:
        A fraction, higher is better; one half for a random order. It is no correlation: without ties, one
        member with Kendall's tau t has the share (1 + t) / 2.

    Raises:
        ValueError: If no two targets differ.

    Source:
        Abdelfattah et al., ICLR 2021, who print it beside Spearman correlations. Compared with
        SamsungLabs/zero-cost-nas. Deviation: none.
    """
    right = pairs = 0
    for rows, above in majorities(scores, scores):
        difference = targets[rows, None] - targets
        right += int(((difference > 0) & above).sum() + ((difference < 0) & ~above).sum())
        pairs += int((difference != 0).sum())
    if not pairs:
        raise ValueError(f"targets should differ, got one value for all {len(targets)}.")
    return right / pairs
