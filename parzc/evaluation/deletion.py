"""Whether what a proxy is said to listen to is what it needs: rankings without it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int

from parzc.attribution import Parts, Score, score_without
from parzc.encoding import Encoding
from parzc.evaluation.correlation import kendall_tau

__all__ = ["deletion_curves"]

_SAME = 1e-6


def deletion_curves(
    score: Score,
    encoding: Encoding,
    targets: Float[np.ndarray, " batch"],
    parts: Parts,
    importance: Float[np.ndarray, " parts"],
    *,
    among: Sequence[int] | None = None,
    background: Encoding,
    orders: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Take away parts of an encoding, the most important first, the least, and in random order.

    If importance says what a proxy needs, its ranking suffers early in the first order and late in the
    second. What is taken away is averaged over a background, see `parzc.attribution.score_without`.

    Args:
        score: From encodings to scores.
        encoding: Architectures to rank.
        targets: Their accuracies.
        parts: What the encoding is divided into.
        importance: Of each part.
        among: Numbers of the parts that are taken away; all by default.
        background: Some other architectures.
        orders: How many random orders.
        seed: Of these.

    Returns:
        Columns `order` (`most`, `random`, `least`), `removed` (how many: none, 1, 2, 4, … all), `kendall_tau`
        with the targets (of a score that has become constant, 0) and `sd` (over random orders, else 0).

    Raises:
        ValueError: If no rank correlation is defined, see `kendall_tau`.
    """
    chosen = np.arange(len(importance)) if among is None else np.asarray(among)
    descending = chosen[np.argsort(-importance[chosen], kind="stable")]
    random = np.random.default_rng(seed)
    ways = {"most": [descending], "random": [random.permutation(chosen) for _ in range(orders)]}
    ways["least"] = [descending[::-1]]

    def measure(removed: Int[np.ndarray, " removed"]) -> float:
        left = score_without(score, encoding, background, parts, torch.from_numpy(removed.copy())).numpy()
        constant = np.ptp(left) <= _SAME * np.abs(left).max()
        return 0.0 if constant else kendall_tau(left, targets)

    rows = []
    for order, found in ways.items():
        for count in _counts(len(chosen)):
            taus = [measure(way[:count]) for way in found]
            rows.append((order, count, float(np.mean(taus)), float(np.std(taus))))
    return pd.DataFrame(rows, columns=["order", "removed", "kendall_tau", "sd"])


def _counts(parts: int) -> list[int]:
    powers = [2**exponent for exponent in range(parts.bit_length()) if 2**exponent < parts]
    return [0, *powers, parts]
