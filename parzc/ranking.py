"""Ranks and votes within a population, missing scores last; ranks of targets."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import norm, rankdata
from torch import Tensor

__all__ = ["majorities", "normal_scores", "ranks", "standard_ranks"]

_BLOCK = 1 << 22
"""Comparisons held at a time."""


def ranks(
    scores: Float[np.ndarray, "members architectures"], population: Float[np.ndarray, "members population"]
) -> Float[np.ndarray, "members architectures"]:
    """Rank scores among those of a population, for each member apart.

    Args:
        scores: Higher is better. NaN, a score that is missing, counts as `-inf`.
        population: What to rank among.

    Returns:
        Ranks from 1, the worst of the population, to its size, the best; equal scores share the mean
        of their ranks. A score between two of the population lies halfway between their ranks; the
        least rank is one half, and the highest one half more than the size.
    """
    result = np.empty(scores.shape)
    for row, (ours, theirs) in enumerate(zip(_filled(scores), _filled(population), strict=True)):
        order = np.sort(theirs)
        below = np.searchsorted(order, ours, side="left")
        not_above = np.searchsorted(order, ours, side="right")
        result[row] = (below + not_above + 1) / 2
    return result


def majorities(
    scores: Float[np.ndarray, "members architectures"], population: Float[np.ndarray, "members population"]
) -> Iterator[tuple[slice, Bool[np.ndarray, "block population"]]]:
    """Let the members vote on every pair, a block of architectures at a time.

    Args:
        scores: Higher is better; NaN, a score that is missing, is above nothing and below nothing.
        population: Whom each architecture is compared with.

    Yields:
        A block of architectures, and for each of them and each of the population whether at least half of
        the members put it strictly above.
    """
    members, count = scores.shape
    block = max(1, _BLOCK // max(1, population.shape[1]))
    for start in range(0, count, block):
        rows = slice(start, min(start + block, count))
        votes = np.zeros((rows.stop - start, population.shape[1]), dtype=np.int16)
        for ours, theirs in zip(scores[:, rows], population, strict=True):
            votes += ours[:, None] > theirs
        yield rows, 2 * votes >= members


def standard_ranks(targets: Sequence[float] | Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Spread targets evenly by rank, which failed architectures cannot distort.

    Args:
        targets: Accuracies.

    Returns:
        Ranks with zero mean and unit variance if all differ; ties share their mean rank.
    """
    ranks: Float[np.ndarray, " n"] = rankdata(targets)
    return (ranks - (len(ranks) + 1) / 2) * (12**0.5 / max(len(ranks), 1))


def normal_scores(targets: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Give each target the quantile of the normal distribution that its rank stands for.

    Args:
        targets: In any unit.

    Returns:
        Normal scores in double precision; ties share their mean rank. Zero for a single target.
    """
    order = rankdata(targets.detach().cpu().numpy())
    return torch.from_numpy(norm.ppf((order - 0.5) / max(len(order), 1)).astype(np.float64))


def _filled(scores: Float[np.ndarray, "members columns"]) -> Float[np.ndarray, "members columns"]:
    return np.where(np.isnan(scores), -np.inf, scores)
