"""Figures: scores against accuracies, and learning curves."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from parzc.atomic import atomic_write
from parzc.evaluation.correlation import kendall_tau

__all__ = ["learning_curves", "scatter"]

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
    figure, axes = _figure(width=6.0)
    if sd is not None and (sd > 0).any():
        axes.errorbar(targets, scores, yerr=sd, fmt="none", ecolor=_BAR, elinewidth=0.8, alpha=0.6, zorder=1)
    size = float(np.clip(4000 / len(scores), 5, 28))
    axes.scatter(targets, scores, s=size, color=_DOT, alpha=0.75, linewidths=0, zorder=2)
    if _spans_decades(scores):
        axes.set_yscale("log")
    tau = f"Kendall τ = {kendall_tau(scores, targets):.3f}, n = {len(scores):,}"
    _label(axes, f"{title}\n{tau}" if title else tau, target, "score (higher is better)")
    with atomic_write(path) as part:
        figure.savefig(part)


def learning_curves(
    path: str | Path, results: pd.DataFrame, *, metric: str = "kendall_tau", title: str = "", test: str = ""
) -> None:
    """Draw the mean of a number over seeds against the budget, a line a competitor.

    Args:
        path: The picture to write, whole or not at all; its suffix is the format.
        results: Columns `competitor`, `budget`, `seed` and the number.
        metric: Name of the number.
        title: What was compared.
        test: What on.
    """
    figure, axes = _figure(width=8.4)
    budgets: Sequence[int] = sorted(results["budget"].unique())
    place = {budget: position for position, budget in enumerate(budgets)}
    for number, (competitor, runs) in enumerate(results.groupby("competitor", sort=False)):
        found = runs.groupby("budget")[metric].agg(["mean", "std"])
        where = [place[budget] for budget in found.index]
        style = ("-", "--", ":")[number // 10 % 3]
        axes.errorbar(
            where, found["mean"], yerr=found["std"].fillna(0), label=str(competitor), fmt=f"o{style}",
            color=f"C{number % 10}", markersize=4, linewidth=1.4, elinewidth=0.8, capsize=2,
        )  # fmt: skip
    axes.set_xticks(range(len(budgets)), [f"{budget:,}" for budget in budgets])
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    _label(axes, title, "architectures with a known target", f"{metric.replace('_', ' ')}, {test}")
    with atomic_write(path) as part:
        figure.savefig(part)


def _figure(*, width: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, 4.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: it would keep global state and may look for a display
    return figure, figure.add_subplot()


def _label(axes: Axes, title: str, across: str, upwards: str) -> None:
    axes.set_title(title, fontsize=11, color=_INK, loc="left")
    axes.set_xlabel(across, color=_INK)
    axes.set_ylabel(upwards, color=_INK)
    axes.tick_params(colors=_INK, labelsize=9)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _spans_decades(scores: Float[np.ndarray, " n"]) -> bool:
    """Tell scores like SynFlow's, which a linear axis would flatten to one line."""
    return bool((scores > 0).all() and scores.max() / scores.min() > 1e3)
