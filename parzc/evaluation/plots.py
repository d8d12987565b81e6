"""Figures: scores against accuracies."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from parzc.atomic import atomic_write
from parzc.evaluation.correlation import kendall_tau

__all__ = ["scatter"]

_INK, _DOT, _BAR = "#22303c", "#1f6fb2", "#9dbfdc"


def scatter(
    path: str | Path,
    scores: Float[np.ndarray, " n"],
    targets: Float[np.ndarray, " n"],
    *,
    sd: Float[np.ndarray, " n"] | None = None,
    title: str = "",
    target: str = "accuracy",
) -> None:
    """Draw scores against accuracies, titled with Kendall's tau.

    Args:
        path: The picture to write, whole or not at all; its suffix is the format.
        scores: Scores, higher is better.
        targets: Accuracies of the same architectures, as fractions.
        sd: Standard deviation of each score, drawn as error bars.
        title: What was scored by what.
        target: Name of the targets, for the axis.

    Raises:
        ValueError: If no rank correlation is defined, see `kendall_tau`.
    """
    figure = Figure(figsize=(6.0, 4.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: it would keep global state and may look for a display
    axes = figure.add_subplot()
    if sd is not None and (sd > 0).any():
        axes.errorbar(targets, scores, yerr=sd, fmt="none", ecolor=_BAR, elinewidth=0.8, alpha=0.6, zorder=1)
    size = float(np.clip(4000 / len(scores), 5, 28))
    axes.scatter(targets, scores, s=size, color=_DOT, alpha=0.75, linewidths=0, zorder=2)
    if _spans_decades(scores):
        axes.set_yscale("log")
    tau = f"Kendall τ = {kendall_tau(scores, targets):.3f}, n = {len(scores):,}"
    axes.set_title(f"{title}\n{tau}" if title else tau, fontsize=11, color=_INK, loc="left")
    axes.set_xlabel(target, color=_INK)
    axes.set_ylabel("score (higher is better)", color=_INK)
    axes.tick_params(colors=_INK, labelsize=9)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_write(path) as part:
        figure.savefig(part)


def _spans_decades(scores: Float[np.ndarray, " n"]) -> bool:
    """Tell scores like SynFlow's, which a linear axis would flatten to one line."""
    return bool((scores > 0).all() and scores.max() / scores.min() > 1e3)
