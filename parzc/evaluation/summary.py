"""What a leaderboard says: means over seeds, and whether differences could be chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["TableOf", "as_text", "compare", "means", "summarise"]

_RUN = ["track", "competitor", "budget", "seed", "part"]


@dataclass(frozen=True)
class TableOf:
    """A table for people.

    Attributes:
        title: What it shows.
        header: Names of the columns.
        rows: Texts, the first of each the name of the row.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def as_text(self) -> str:
        """Write it as Markdown."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join([f"{self.title}\n", *(f"| {' | '.join(line)} |" for line in lines)])


def means(results: pd.DataFrame) -> dict[str, Any]:
    """Average over seeds, in plain values.

    Args:
        results: What `run_leaderboard` gives.

    Returns:
        By track, competitor, budget and part: the mean and standard deviation of every number and how many
        seeds there were.
    """
    summary: dict[str, Any] = {}
    for keys, runs in results.groupby(_RUN[:3] + _RUN[4:], sort=False):
        track, competitor, budget, part = map(str, keys)
        numbers = runs.drop(columns=_RUN).dropna(axis=1, how="all")
        entry = {name: {"mean": float(v.mean()), "sd": _sd(v)} for name, v in numbers.items()}
        place = summary.setdefault(track, {}).setdefault(competitor, {}).setdefault(budget, {})
        place[part] = {"seeds": len(runs), **entry}
    return summary


def summarise(results: pd.DataFrame, track: str, metric: str, part: str) -> TableOf | None:
    """Tabulate one number: a row a competitor, a column a budget, mean ± sd over seeds.

    Args:
        results: What `run_leaderboard` gives.
        track: Which track.
        metric: Which number.
        part: Which part of the test.

    Returns:
        The table, or nothing if no competitor has that number.
    """
    if metric not in results:
        return None
    of_part = results[(results["track"] == track) & (results["part"] == part)].dropna(subset=[metric])
    if of_part.empty:
        return None
    budgets = sorted(of_part["budget"].unique())
    rows = []
    for competitor, runs in of_part.groupby("competitor", sort=False):
        cells = [runs.loc[runs["budget"] == budget, metric] for budget in budgets]
        rows.append([str(competitor), *(_cell(values) for values in cells)])
    seeds = of_part["seed"].nunique()
    title = f"{track}: {metric}, {part.replace('_', ' ')}, mean ± sd of {seeds} seeds"
    return TableOf(title, ["competitor", *map(str, budgets)], rows)


def compare(results: pd.DataFrame, track: str, reference: str, part: str = "held_out") -> TableOf | None:
    """Ask whether competitors differ from one of them in Kendall's tau.

    Differences are paired: two competitors learn from the same targets of each seed. All seeds share
    one benchmark, so that the answer is about draws of targets there and no other benchmark.

    Args:
        results: What `run_leaderboard` gives.
        track: Which track.
        reference: Label of the one that all others are compared with.
        part: Which part of the test.

    Returns:
        For each other competitor and budget its mean difference from the reference (above 0: better)
        with the half width of the 95 % interval, and the p of a paired t-test, corrected by Holm
        over the competitors at that budget. Nothing where fewer than two seeds are shared.
    """
    of_part = results[(results["track"] == track) & (results["part"] == part)]
    taus = of_part.pivot_table(index=["budget", "seed"], columns="competitor", values="kendall_tau")
    if reference not in taus:
        return None
    others = [name for name in of_part["competitor"].unique() if name != reference]
    differences = taus[others].sub(taus[reference], axis=0)
    budgets = list(differences.index.unique("budget"))
    cells = {budget: _tests(differences.loc[budget]) for budget in budgets}
    rows = [[name, *(cells[budget].get(name, "") for budget in budgets)] for name in others]
    if all(text == "" for row in rows for text in row[1:]):
        return None
    title = f"{track}: Kendall tau minus that of {reference}, {part.replace('_', ' ')}, ± 95 % interval, p"
    return TableOf(title, ["competitor", *map(str, budgets)], rows)


def as_text(value: float) -> str:
    """Write a number shortly, correlations without the zero before the point."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.3f}".replace("0.", ".", 1)


def _tests(differences: pd.DataFrame) -> dict[str, str]:
    found = {name: values.dropna().to_numpy() for name, values in differences.items()}
    tested = {str(name): values for name, values in found.items() if len(values) > 1}
    p_values = _holm({name: _p_value(values) for name, values in tested.items()})
    return {
        name: f"{as_text(values.mean())} ± {as_text(_half_width(values))}, p {_p_text(p_values[name])}"
        for name, values in tested.items()
    }


def _p_value(differences: np.ndarray) -> float:
    if np.ptp(differences) == 0:
        return 1.0 if differences[0] == 0 else 0.0
    return float(stats.ttest_1samp(differences, 0).pvalue)


def _half_width(differences: np.ndarray) -> float:
    count = len(differences)
    return float(stats.t.ppf(0.975, count - 1) * differences.std(ddof=1) / count**0.5)


def _holm(p_values: dict[str, float]) -> dict[str, float]:
    """Correct for the number of tests (Holm, 1979)."""
    corrected: dict[str, float] = {}
    least = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        least = max(least, min(1.0, p_values[name] * (len(p_values) - rank)))
        corrected[name] = least
    return corrected


def _p_text(p_value: float) -> str:
    return "< .001" if p_value < 0.001 else as_text(p_value)


def _cell(values: "pd.Series[float]") -> str:
    if values.empty:
        return ""
    spread = f" ± {as_text(_sd(values))}" if len(values) > 1 else ""
    return f"{as_text(float(values.mean()))}{spread}"


def _sd(values: "pd.Series[float]") -> float:
    return float(values.std()) if len(values) > 1 else 0.0
