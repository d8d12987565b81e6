"""Figures: scores against accuracies, learning curves, and importance over depth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from parzc.atomic import atomic_write
from parzc.attribution import Importance
from parzc.evaluation.correlation import kendall_tau

__all__ = ["importance_over_depth", "learning_curves", "scatter"]

_INK, _DOT, _BAR = "#22303c", "#1f6fb2", "#9dbfdc"
_NAMED, _NAME_WIDTH = 6, 0.04


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
    figure = _figure(width=6.0)
    axes = figure.add_subplot()
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
    figure = _figure(width=8.4)
    axes = figure.add_subplot()
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


def importance_over_depth(
    path: str | Path, found: Importance, *, deletion: pd.DataFrame | None = None, title: str = ""
) -> None:
    """Draw what a proxy listens to, over depth and by statistic, and how it ranks without that.

    Args:
        path: The picture to write, whole or not at all; its suffix is the format.
        found: The importances; without any depth only those of statistics are drawn.
        deletion: Columns `parts` (what was taken away) and those of
            `parzc.evaluation.deletion.deletion_curves`; without, the lower half is left out.
        title: What was explained.
    """
    placed = found.positions.dropna(subset=["depth"])
    width = 1 if placed.empty else 2
    figure = _figure(width=6.4 * width, height=4.6 if deletion is None else 8.4)
    panels = figure.subplots(1 if deletion is None else 2, width, squeeze=False)
    if not placed.empty:
        _draw_depth(panels[0, 0], found.positions, title)
    _draw_statistics(panels[0, -1], found.statistics)
    if deletion is not None:
        for axes, (parts, curve) in zip(panels[1], deletion.groupby("parts", sort=False), strict=True):
            _draw_deletion(axes, curve, str(parts))
    with atomic_write(path) as part:
        figure.savefig(part)


def _draw_depth(axes: Axes, positions: pd.DataFrame, title: str) -> None:
    placed = positions.dropna(subset=["depth"])
    axes.vlines(placed["depth"], 0, placed["importance"], color=_BAR, linewidth=2)
    axes.scatter(placed["depth"], placed["importance"], s=12, color=_DOT, zorder=2)
    for name, depth, height in _apart(placed.nlargest(4 * _NAMED, "importance"))[:_NAMED]:
        axes.annotate(
            name, (depth, height), (3, 3), textcoords="offset points", fontsize=7, rotation=25, color=_INK
        )
    for whole in positions.loc[positions["depth"].isna(), "importance"]:
        axes.axhline(whole, color=_INK, linestyle=":", linewidth=1, label="the network as a whole")
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.set_ylim(0, positions["importance"].max() * 1.25)
    _label(axes, title, "relative depth", "importance (mean |Shapley value|)")


def _apart(placed: pd.DataFrame) -> list[tuple[str, float, float]]:
    """Keep what can be named without writing over the name of something higher."""
    kept: list[tuple[str, float, float]] = []
    for name, depth, height in zip(placed["name"], placed["depth"], placed["importance"], strict=True):
        if all(abs(depth - other) > _NAME_WIDTH for _, other, _ in kept):
            kept.append((name, depth, height))
    return kept


def _draw_statistics(axes: Axes, statistics: pd.DataFrame) -> None:
    ordered = statistics.sort_values("importance")
    axes.barh(ordered["statistic"], ordered["importance"], color=_DOT, height=0.6)
    _label(axes, "by statistic", "importance (mean |Shapley value|)", "")


def _draw_deletion(axes: Axes, curve: pd.DataFrame, parts: str) -> None:
    counts = sorted(curve["removed"].unique())
    styles = {"least": ("C2", "-"), "random": ("C7", "--"), "most": ("C3", "-")}
    for order, (color, line) in styles.items():
        of_order = curve[curve["order"] == order]
        across = [counts.index(count) for count in of_order["removed"]]
        label = {"random": "in random order"}.get(order, f"the {order} important first")
        axes.errorbar(
            across, of_order["kendall_tau"], yerr=of_order["sd"], label=label,
            color=color, fmt=f"o{line}", markersize=4, linewidth=1.4, elinewidth=0.8, capsize=2,
        )  # fmt: skip
    axes.set_xticks(range(len(counts)), [str(count) for count in counts])
    axes.legend(frameon=False, fontsize=8)
    _label(axes, f"without {parts}", f"{parts} taken away", "Kendall τ with the targets")


def _figure(*, width: float, height: float = 4.6) -> Figure:
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: it would keep global state and may look for a display
    return figure


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
