"""Pairwise majority vote."""

import numpy as np
from jaxtyping import Float

from parzc.ranking import majorities

__all__ = ["vote"]


def vote(
    scores: Float[np.ndarray, "members architectures"],
    population: Float[np.ndarray, "members population"] | None = None,
) -> Float[np.ndarray, " architectures"]:
    """Number of architectures that the majority of members puts below.

    Two architectures are compared as published: each member that puts the first strictly above the
    second is a vote for it, and it wins with the votes of at least half of the members. Equal scores
    and missing ones give no vote, so with three members a pair may have no winner. Costs
    the square of the population; nothing of that size is held in memory.

    Args:
        scores: Scores of the members, higher is better; NaN where missing.
        population: Scores of the architectures to compare with; the given architectures by default.

    Returns:
        Higher is better: from 0 to the size of the population less one. Meaningful within one population
        only.

    Source:
        Abdelfattah et al., ICLR 2021 (`vote` of synflow, jacob_cov and snip). Compared with
        SamsungLabs/zero-cost-nas. Deviation: theirs decides pairs and gives no score, since majorities
        can go round in a circle; we count wins (Copeland, 1951). What they report, the share of
        pairs decided as the accuracies are, is `parzc.evaluation.vote.vote_accuracy`.
    """
    among = scores if population is None else population
    wins = np.zeros(scores.shape[1])
    for rows, above in majorities(scores, among):
        wins[rows] = above.sum(axis=1)
    return wins
