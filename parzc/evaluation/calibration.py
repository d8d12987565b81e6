"""Whether predicted standard deviations mean what they say."""

import numpy as np
from jaxtyping import Float
from scipy import stats

from parzc.evaluation.correlation import kendall_tau
from parzc.ranking import ranks

__all__ = ["calibration"]

_INTERVAL = 0.9


def calibration(
    scores: Float[np.ndarray, " n"],
    sd: Float[np.ndarray, " n"],
    targets: Float[np.ndarray, " n"],
    *,
    known: Float[np.ndarray, " budget"],
    normal: bool = False,
) -> dict[str, float]:
    """Judge Gaussian predictions of ranks.

    Accuracies of any benchmark are made comparable by their ranks among the architectures that
    were trained on, standardised as for training: what a score predicts.

    Args:
        scores: Predicted standardised ranks.
        sd: Their standard deviations.
        targets: Accuracies of the same architectures.
        known: Accuracies, of the same kind as `targets`, of the architectures trained on.
        normal: Scores stand for the quantiles of the normal distribution that ranks stand for, and not for
            ranks themselves.

    Returns:
        `coverage_90`, the share of ranks within the predicted 90 % interval (best near .9); `nll`, the mean
        negative log likelihood in nats (lower is better); `tau_certain_half`, Kendall's tau of the
        half with the smallest deviations (NaN where none is defined).
    """
    count = len(known)
    among = ranks(targets[None], known[None])[0]
    if normal:
        truth = stats.norm.ppf(np.clip(among - 0.5, 0.5, count - 0.5) / count)
    else:
        truth = (among - (count + 1) / 2) * (12**0.5 / count)
    spread = np.maximum(sd, 1e-6)
    z = (truth - scores) / spread
    certain = np.argsort(sd, kind="stable")[: (len(sd) + 1) // 2]
    half = scores[certain], targets[certain]
    defined = all(len(np.unique(values)) > 1 for values in half)
    return {
        "coverage_90": float((np.abs(z) <= stats.norm.ppf((1 + _INTERVAL) / 2)).mean()),
        "nll": float((0.5 * z**2 + np.log(spread) + 0.5 * np.log(2 * np.pi)).mean()),
        "tau_certain_half": kendall_tau(*half) if defined else float("nan"),
    }
