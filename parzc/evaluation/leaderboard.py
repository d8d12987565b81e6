"""The leaderboard: every competitor, budget and seed on the same splits of the same tracks."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from tqdm import tqdm

from parzc import plugins
from parzc.competitor import Chooser, Competitor
from parzc.evaluation.calibration import calibration
from parzc.evaluation.report import evaluate
from parzc.evaluation.track import Contest, Track, fingerprint, open_track
from parzc.journal import Journal
from parzc.proxy_file import SUFFIX
from parzc.shipped import shipped_proxies

__all__ = ["Spec", "read_entries", "run_leaderboard"]

Spec = dict[str, Any]
"""Name of a competitor and its options."""

# What a competitor raises that cannot cope with a track; anything else is a fault of ours.
_CANNOT = (ArithmeticError, ImportError, LookupError, MemoryError, RuntimeError, ValueError)


@dataclass(frozen=True)
class _Run:
    track: str
    competitor: str
    budget: int
    seed: int

    @property
    def key(self) -> str:
        return " | ".join(map(str, asdict(self).values()))


@dataclass(frozen=True)
class _Failure:
    reason: str


def read_entries(leaderboard: str | Sequence[str] | Mapping[str, str | Mapping[str, Any]]) -> dict[str, Spec]:
    """Say which competitors take part, and under which label.

    Args:
        leaderboard: Specifications by label, or a list of them, or one text with commas between. In
            words a specification is the name of a competitor, of a predictor for `learned`, a proxy
            file or the name of a shipped one for `transferred`, or a proxy for `training_free`;
            otherwise a mapping of `name` and options.

    Returns:
        Name and options by label; those that need a package that is missing are left out with a note.

    Raises:
        UnknownPluginError: If there is no such competitor.
        ValueError: If an option is wrong, a label occurs twice or nobody is left.
    """
    listed = _split(leaderboard) if isinstance(leaderboard, str) else leaderboard
    named = listed.items() if isinstance(listed, Mapping) else [(word, word) for word in listed]
    entries: dict[str, Spec] = {}
    for label, spec in named:
        if label in entries:
            raise ValueError(f"competitors should have different labels, got {label!r} twice.")
        entries[label] = _read_words(spec) if isinstance(spec, str) else dict(spec)
    built = {label: spec for label, spec in entries.items() if _can_run(label, spec)}
    if not built:
        raise ValueError("a leaderboard should have at least one competitor that can run, found none.")
    return built


def run_leaderboard(
    tracks: Mapping[str, Track],
    entries: Mapping[str, Spec],
    seeds: Sequence[int],
    *,
    journal: Path,
    jobs: int = -1,
) -> pd.DataFrame:
    """Let every competitor learn from every budget and seed of every track.

    Finished runs are kept in the journal; with it, a run that was killed goes on, and one with more
    competitors, budgets or seeds, or with other data or options, does what is new. What a competitor cannot
    do is told and left out.

    Args:
        tracks: Benchmarks by name.
        entries: Competitors by label, see `read_entries`.
        seeds: Of the splits and of the competitors.
        journal: The file of finished runs.
        jobs: Processes; -1 for one a core.

    Returns:
        One row a run and part of the test (`all`, `held_out`, `unseen`): what
        `parzc.evaluation.report.evaluate` and `parzc.evaluation.calibration.calibration` measure, and CPU
        seconds to fit and to predict.

    Raises:
        LookupError: If a track has no such column or space; further as for `open_track`.
        RuntimeError: If no run ended well.
    """
    kept = Journal(journal, {"leaderboard": 1}, key="run")
    data = {name: fingerprint(track) for name, track in tracks.items()}
    wanted = {
        run: _origin(tracks[run.track], entries[run.competitor], data=data[run.track])
        for run in _runs(tracks, entries, seeds)
    }
    missing = [run for run in wanted if not _is_done(kept, run, wanted[run])]
    tasks = (joblib.delayed(_run)(run, tracks[run.track], entries[run.competitor]) for run in missing)
    failures: dict[str, list[str]] = {}
    with joblib.Parallel(jobs, return_as="generator_unordered", pre_dispatch="2*n_jobs") as pool:
        for run, result in tqdm(pool(tasks), desc="leaderboard", total=len(missing), unit="run", delay=2):
            if isinstance(result, _Failure):
                failures.setdefault(f"{run.track}, {run.competitor}: {result.reason}", []).append(run.key)
            else:
                kept.add(run.key, {"origin": wanted[run], **result})
    for reason, keys in failures.items():
        print(f"left out ({len(keys)} runs): {reason}", file=sys.stderr)
    done = [run for run in wanted if _is_done(kept, run, wanted[run])]
    rows = [row for run in done for row in _rows(run, kept.results[run.key])]
    if not rows:
        raise RuntimeError(f"no run of the leaderboard ended well; {next(iter(failures), 'none fits')}")
    return pd.DataFrame(rows)


def _split(text: str) -> list[str]:
    """Split at the commas that are in no parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _read_words(text: str) -> Spec:
    if text in plugins.available("competitors"):
        return {"name": text}
    if text in plugins.available("predictors"):
        return {"name": "learned", "predictor": text}
    if text.endswith(SUFFIX) or text in shipped_proxies():
        return {"name": "transferred", "proxy": text}
    return {"name": "training_free", "proxy": text}


def _can_run(label: str, spec: Spec) -> bool:
    try:
        plugins.build("competitors", spec)
    except ImportError as error:
        print(f"left out: {label}: {error}", file=sys.stderr)
        return False
    except TypeError as error:
        raise ValueError(f"{label} cannot be made: {error}") from error
    return True


def _runs(tracks: Mapping[str, Track], entries: Mapping[str, Spec], seeds: Sequence[int]) -> Iterator[_Run]:
    """List track by track, as a process keeps one in memory, and seed by seed."""
    for name, track in tracks.items():
        for seed in seeds:
            for label, spec in entries.items():
                competitor: Competitor = plugins.build("competitors", spec)
                for budget in track.budgets:
                    if competitor.fewest <= budget <= competitor.most:
                        yield _Run(name, label, int(budget), int(seed))


def _origin(track: Track, spec: Spec, *, data: str) -> Any:
    """Say what a result depends on beside its key; where the data lie and the budgets are no part of it."""
    settings = asdict(replace(track, budgets=(), targets="", features=None, columns=None))
    return json.loads(json.dumps({"track": settings, "data": data, "competitor": spec}))


def _run(run: _Run, track: Track, spec: Spec) -> tuple[_Run, dict[str, Any] | _Failure]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        contest = open_track(replace(track, budgets=()))  # what is wrong here is wrong for everybody
        try:
            return run, _measure(contest, spec, run)
        except _CANNOT as error:
            return run, _Failure(" ".join(str(error).split()) or type(error).__name__)
    finally:
        torch.set_num_threads(threads)


def _measure(contest: Contest, spec: Spec, run: _Run) -> dict[str, Any]:
    known = contest.draw(run.budget, run.seed)
    competitor: Competitor = plugins.build("competitors", spec)
    start = time.process_time()
    if isinstance(competitor, Chooser):
        known = _choose(competitor, contest, known, run.seed)
    competitor.fit(contest.candidates, known, contest.targets[known], seed=run.seed)
    fitted = time.process_time()
    scores, sd = competitor.predict(contest.candidates)
    seconds = {"fit_seconds": fitted - start, "predict_seconds": time.process_time() - fitted}
    parts: dict[str, dict[str, float]] = {}
    for name, part in contest.parts(known).items():
        if len(np.unique(contest.tests[part])) > 1:
            parts[name] = dict(evaluate(scores[part], contest.tests[part]))
            if len(known) > 1 and sd.any():
                parts[name] |= calibration(
                    scores[part],
                    sd[part],
                    contest.tests[part],
                    known=contest.tests[known],
                    normal=competitor.normal,
                )
    return {"parts": parts, **seconds}


def _choose(
    competitor: Chooser, contest: Contest, drawn: Int[np.ndarray, " budget"], seed: int
) -> Int[np.ndarray, " budget"]:
    """Let a competitor choose what to learn from, and count what it looks up."""
    seen: set[int] = set()

    def look_up(rows: Int[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
        seen.update(rows.tolist())
        told: Float[np.ndarray, " rows"] = contest.targets[rows]
        return told

    chosen = competitor.choose(contest.candidates, drawn, look_up, seed=seed)
    if len(set(chosen.tolist())) != len(drawn) or not seen <= set(chosen.tolist()):
        raise ValueError(
            f"a competitor should choose {len(drawn)} different architectures, all that it looks up among"
            f" them; it chose {len(set(chosen.tolist()))} and looked up {len(seen)}."
        )
    return chosen


def _is_done(kept: Journal, run: _Run, origin: Any) -> bool:
    return bool(kept.results.get(run.key, {}).get("origin") == origin)


def _rows(run: _Run, result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    seconds = {name: value for name, value in result.items() if name.endswith("_seconds")}
    for part, numbers in result["parts"].items():
        yield {**asdict(run), "part": part, **numbers, **seconds}
