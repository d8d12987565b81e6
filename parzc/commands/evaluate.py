"""`parzc evaluate`: compare the scores of a proxy with accuracies."""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from parzc.atomic import atomic_write
from parzc.commands.adaptation import adapt
from parzc.commands.leaderboard import compete
from parzc.commands.selection import held_out
from parzc.evaluation.page import write_page
from parzc.evaluation.plots import scatter
from parzc.evaluation.report import evaluate as measure
from parzc.evaluation.summary import TableOf, as_text
from parzc.evaluation.track import Notations, Track
from parzc.probing.store import FeatureStore
from parzc.provenance import provenance, write_provenance
from parzc.proxy import open_proxy
from parzc.targets import read_targets

__all__ = ["evaluate"]


def evaluate(
    *,
    proxy: str | None = None,
    features: str | None = None,
    targets: str | None = None,
    target: str | None = None,
    out: str | None = None,
    report: str | None = None,
    include_training: bool = False,
    allow_plugins: bool = False,
    leaderboard: str | Mapping[str, str | Mapping[str, Any]] | None = None,
    tracks: Mapping[str, Mapping[str, Any]] | None = None,
    test: str | None = None,
    columns: str | None = None,
    space: str | Mapping[str, Any] | None = None,
    notations: Notations = "all",
    budgets: Sequence[int] = Track.budgets,
    seeds: int | Sequence[int] = 5,
    jobs: int = -1,
) -> dict[str, Any]:
    """Compare the scores of a proxy with accuracies, or many competitors with each other.

    Args:
        proxy: A proxy file, the name of a shipped or training-free proxy, or an aggregate of such, which
            ranks the architectures that are compared among each other: `az_nas`, `az_rank(synflow,snip)`.
            One that was trained on other spaces takes its scale from all architectures of the store.
        features: The folder of a feature store, or the name of a shipped one.
        targets: The CSV file of accuracies.
        target: Its column.
        out: The JSON file to write; a scatter plot goes beside it, with the same name and `.png`. Of a
            leaderboard the folder, whose finished runs are not run again.
        report: An HTML page to write, with all tables and plots in one file.
        include_training: Keep the architectures that the proxy, or a member of it, was trained on.
        allow_plugins: Import the plug-ins from outside parzc that the proxy file names.
        leaderboard: Instead of `proxy`, competitors with commas between, or specifications by label; see
            `parzc.evaluation.leaderboard.read_entries`. All others are compared with the first. It
            is for these that the following keywords are.
        tracks: Benchmarks by name, each with what differs from the keywords here; see
            `parzc.evaluation.track.Track`. Without, these keywords are the only one.
        test: The column to compare with, where competitors learn from `target`.
        columns: A CSV file of further numbers by architecture that competitors may look at.
        space: Where there are no features, whose notation the targets have.
        notations: Whether a store's architectures stand for `all` notations of the same function, or only
            for what is `stored`.
        budgets: How many targets competitors learn from.
        seeds: How often all is repeated with other targets, or the seeds themselves.
        jobs: Processes; -1 for one a core.

    Returns:
        `kendall_tau`, `spearman_rho`, `ndcg` (higher is better), `regret_at_1`, `regret_at_5`,
        `regret_at_10` (fractions of accuracy, lower is better) and `n`. Of a leaderboard the means and
        standard deviations of these and more by track, competitor, budget and part of the test.

    Raises:
        FileNotFoundError: If there is no such proxy, store or file of targets.
        LookupError: If the store lacks a statistic that the proxy reads, or there is no such column.
        ValueError: If a file is damaged, or no two different scored architectures with a target remain.
        RuntimeError: If no run of a leaderboard ended well.
    """
    settings = dict(locals())
    if (proxy is None) == (leaderboard is None):
        raise ValueError("evaluate needs one of proxy=… and leaderboard=….")
    if proxy is None:
        return compete(settings)
    if features is None or targets is None or target is None:
        raise ValueError("a proxy is evaluated with features=…, targets=… and target=….")
    if out is not None and Path(out).suffix == ".png":
        raise ValueError(f"out should be the JSON file, say result.json, got {out}; the plot goes beside it.")
    opened = open_proxy(proxy, allow_plugins=allow_plugins)
    store = FeatureStore.open(features)
    tables = store.tables()
    accuracies = read_targets(targets, target, tables)
    if space_name := store.settings.get("space", {}).get("name"):
        adapt(opened, list(tables.values()), space_name)
    names = list(accuracies) if include_training else held_out(accuracies, opened, store.settings)
    scores, sd = opened.predict([tables[name] for name in names])
    kept = ~np.isnan(scores)
    if not kept.all():
        print(f"note: {(~kept).sum()} architectures have no score and are left out.", file=sys.stderr)
    accuracy = np.array([accuracies[name] for name in names])[kept]
    result = measure(scores[kept], accuracy)
    title = f"{Path(proxy).name if Path(proxy).is_file() else proxy} on {Path(features).name}"
    draw = partial(scatter, scores=scores[kept], targets=accuracy, sd=sd[kept], title=title, target=target)
    if out is not None:
        draw(Path(out).with_suffix(".png"))
        with atomic_write(out) as part:
            part.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        write_provenance(out, settings)
    if report is not None:
        _write_report(report, title, result, draw, settings)
    _print(result, out)
    return result


def _write_report(
    path: str,
    title: str,
    result: Mapping[str, float | int],
    draw: Callable[[Path], None],
    settings: Mapping[str, Any],
) -> None:
    table = TableOf(
        "Numbers", ["number", "value"], [[name, as_text(value)] for name, value in result.items()]
    )
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "scores.png"
        draw(picture)
        made = json.dumps(provenance(settings), indent=1)
        write_page(path, title, tables=[table], pictures=[picture], settings=made)


def _print(result: dict[str, float | int], out: str | None) -> None:
    numbers = [f"{name} {value:.3f}" for name, value in result.items() if name != "n"]
    print("  ".join([*numbers, f"n {result['n']}"]))
    if out is None:
        print("out=result.json writes these numbers and a scatter plot.", file=sys.stderr)
    else:
        print(f"{out} and {Path(out).with_suffix('.png')} written.")
