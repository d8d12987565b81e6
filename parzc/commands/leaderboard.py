"""What `parzc evaluate leaderboard=…` does."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from parzc.atomic import atomic_write
from parzc.evaluation.leaderboard import read_entries, run_leaderboard
from parzc.evaluation.page import write_page
from parzc.evaluation.plots import learning_curves
from parzc.evaluation.summary import TableOf, compare, means, summarise
from parzc.evaluation.track import Track
from parzc.provenance import provenance, write_provenance

__all__ = ["compete"]

_PRINTED = (("kendall_tau", "all"), ("kendall_tau", "held_out"))
_TABULATED = (
    *_PRINTED,
    ("kendall_tau", "unseen"),
    ("spearman_rho", "held_out"),
    ("ndcg", "held_out"),
    ("regret_at_1", "held_out"),
    ("regret_at_10", "held_out"),
    ("coverage_90", "held_out"),
    ("nll", "held_out"),
    ("tau_certain_half", "held_out"),
    ("fit_seconds", "held_out"),
    ("predict_seconds", "held_out"),
)

_INTRODUCTION = (
    "Competitors learn from the targets of a few architectures, drawn anew with every seed and the same for"
    " all of them, and rank the whole benchmark. All: every architecture. Held out: without those learned"
    " from. Unseen: without those, too, that compute the same function as one learned from. Correlations and"
    " nDCG: higher is better; regret, the accuracy lost by training only the best ranked, and nll: lower is"
    " better; coverage_90 is best near .9; seconds are those of one processor."
)


def compete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Run a leaderboard and write its results.

    Args:
        settings: The keywords of `parzc.commands.evaluate.evaluate`.

    Returns:
        Means and standard deviations by track, competitor, budget and part of the test.

    Raises:
        ValueError: If there is no `out`, no track, or two competitors have one label.
        RuntimeError: If no run ended well.
    """
    if settings["out"] is None:
        raise ValueError("a leaderboard keeps its runs in a folder, so that it can go on: say out=….")
    folder = Path(settings["out"])
    if folder.is_file():
        raise ValueError(f"out should be the folder of the leaderboard, {folder} is a file.")
    tracks, entries = _tracks(settings), read_entries(settings["leaderboard"])
    folder.mkdir(parents=True, exist_ok=True)
    results = run_leaderboard(
        tracks, entries, _seeds(settings["seeds"]), journal=folder / "journal.jsonl", jobs=settings["jobs"]
    )
    summary = means(results)
    with atomic_write(folder / "results.csv") as part:
        results.to_csv(part, index=False)
    with atomic_write(folder / "summary.json") as part:
        part.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    write_provenance(folder, settings)
    pictures = [_draw(folder, results, name, track) for name, track in tracks.items()]
    reference = next(iter(entries))
    _print(results, tracks, reference)
    if settings["report"] is not None:
        tables = [table for name in tracks for table in _tables(results, name, _TABULATED, reference)]
        made = json.dumps(provenance(settings), indent=1)
        write_page(
            settings["report"],
            "Leaderboard",
            tables=tables,
            pictures=pictures,
            introduction=_INTRODUCTION,
            settings=made,
        )
    return summary


def _tracks(settings: Mapping[str, Any]) -> dict[str, Track]:
    """Read the benchmarks: `tracks`, each completed by what is said of all, or the only one."""
    known = {name: settings[name] for name in Track.__dataclass_fields__ if settings[name] is not None}
    given = settings["tracks"] or {"benchmark": {}}
    tracks = {}
    for name, own in given.items():
        merged = {**known, **own}
        if unknown := sorted(set(merged) - set(Track.__dataclass_fields__)):
            raise ValueError(
                f"track {name} should have only {', '.join(Track.__dataclass_fields__)}, got"
                f" {', '.join(unknown)}."
            )
        if missing := [key for key in ("targets", "target") if key not in merged]:
            raise ValueError(f"track {name} should say {' and '.join(missing)}.")
        tracks[name] = Track(**merged)
    return tracks


def _seeds(seeds: int | str | Sequence[int]) -> list[int]:
    listed = seeds.split(",") if isinstance(seeds, str) else seeds
    return list(range(listed)) if isinstance(listed, int) else [int(seed) for seed in listed]


def _draw(folder: Path, results: pd.DataFrame, name: str, track: Track) -> Path:
    picture = folder / f"{name}.png"
    shown = results[(results["track"] == name) & (results["part"] == "held_out")]
    test = f"{track.test or track.target}, held out"
    learning_curves(picture, shown, title=name, test=test)
    return picture


def _tables(
    results: pd.DataFrame, track: str, which: Sequence[tuple[str, str]], reference: str
) -> list[TableOf]:
    tables = [summarise(results, track, metric, part) for metric, part in which]
    return [table for table in [*tables, compare(results, track, reference)] if table is not None]


def _print(results: pd.DataFrame, tracks: Mapping[str, Track], reference: str) -> None:
    for name in tracks:
        for table in _tables(results, name, _PRINTED, reference):
            print(f"\n{table.as_text()}")
