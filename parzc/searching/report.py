"""The course of a search: history, Pareto front, figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from parzc.atomic import atomic_write
from parzc.searching.costs import Costs
from parzc.searching.loop import Trial

__all__ = ["history", "pareto_front", "plot_courses"]

_INK = "#22303c"


def history(trials: Sequence[Trial], costs: Costs, objectives: Sequence[str]) -> pd.DataFrame:
    """Tabulate a search.

    Args:
        trials: In the order of the search.
        costs: Counts.
        objectives: Measures that, beside accuracy, make the Pareto front.

    Returns:
        One row a training: `training` from 1, `architecture`, what the evaluator found, what it costs,
        `best`, the highest accuracy so far, and `front`, whether it is on the Pareto front.
    """
    rows = [
        {"training": number, "architecture": trial.architecture, **trial.result, **costs(trial.architecture)}
        for number, trial in enumerate(trials, 1)
    ]
    frame = pd.DataFrame(rows)
    frame["accuracy"] = frame["accuracy"] if "accuracy" in frame else float("nan")
    frame["best"] = frame["accuracy"].cummax().ffill()
    goods = [frame["accuracy"], *(-frame[name] for name in objectives if name in frame)]
    frame["front"] = pareto_front(np.stack([np.asarray(good, dtype=float) for good in goods], axis=1))
    return frame


def pareto_front(goods: Float[np.ndarray, "n objectives"]) -> Bool[np.ndarray, " n"]:
    """Find what nothing else is at least as good as in everything and better in something.

    Args:
        goods: Higher is better, in each column.

    Returns:
        Whether each row is on the front; never with a value that is missing (NaN).
    """
    known = ~np.isnan(goods).any(axis=1)
    filled = np.where(known[:, None], goods, -np.inf)
    front: Bool[np.ndarray, " n"] = known.copy()
    for row in np.flatnonzero(known):
        at_least, better = (filled >= filled[row]).all(axis=1), (filled > filled[row]).any(axis=1)
        front[row] = not (at_least & better).any()
    return front


def plot_courses(
    path: str | Path,
    courses: Mapping[str, Float[np.ndarray, "runs trainings"]],
    *,
    title: str = "",
    quantity: str = "best accuracy so far",
    logarithmic: bool = False,
) -> None:
    """Draw how searches come along: the mean over runs, and a band of one standard error each way.

    Args:
        path: The picture to write, whole or not at all; its suffix is the format.
        courses: By name of the search, a quantity after each training.
        title: Above the figure.
        quantity: For the axis.
        logarithmic: Whether the quantity is on a logarithmic axis, as regret should be.
    """
    figure = Figure(figsize=(7.6, 4.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: it would keep global state and may look for a display
    axes = figure.add_subplot()
    for name, runs in courses.items():
        trainings = np.arange(1, runs.shape[1] + 1)
        mean = runs.mean(axis=0)
        (line,) = axes.plot(trainings, mean, linewidth=1.6, label=name)
        if len(runs) > 1:
            error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
            axes.fill_between(
                trainings, mean - error, mean + error, color=line.get_color(), alpha=0.2, linewidth=0
            )
    if logarithmic:
        axes.set_yscale("log")
    axes.set_title(title, fontsize=11, color=_INK, loc="left")
    axes.set_xlabel("trainings", color=_INK)
    axes.set_ylabel(quantity, color=_INK)
    axes.tick_params(colors=_INK, labelsize=9)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(courses) > 1:  # beside the curves, which leave no corner free
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    with atomic_write(path) as part:
        figure.savefig(part)
