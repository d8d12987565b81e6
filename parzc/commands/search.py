"""`parzc search`: find an accurate architecture with few trainings."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from parzc import plugins
from parzc.atomic import atomic_write
from parzc.commands.sources import Sources
from parzc.initialise import Scheme
from parzc.journal import Journal
from parzc.probing.extract import BlockInputs, Compat
from parzc.provenance import write_provenance
from parzc.searching.costs import MEASURES, Constraint, Costs, Tradeoff, read_latencies
from parzc.searching.evaluator import Evaluator
from parzc.searching.loop import Trial
from parzc.searching.loop import search as run
from parzc.searching.report import history, plot_courses
from parzc.searching.strategy import Strategy

__all__ = ["search"]

Spec = str | Mapping[str, Any]

_UNBOUND: Mapping[str, float | None] = {
    name: None for measure in MEASURES for name in (measure, f"min_{measure}")
}
_ACCURACY_ALONE: Mapping[str, float] = dict.fromkeys(MEASURES, 0.0)

# What the course of a search does not depend on.
_FREE = ("out", "budget", "jobs", "allow_plugins")


def search(
    *,
    space: Spec,
    out: str,
    strategy: Spec = "aging_evolution",
    evaluator: Spec = "train",
    data: Spec | None = None,
    proxy: str | None = None,
    features: str | None = None,
    budget: int = 30,
    workers: int = 1,
    constraint: Mapping[str, Any] = _UNBOUND,
    tradeoff: Mapping[str, Any] = _ACCURACY_ALONE,
    latencies: str | None = None,
    seed: int = 0,
    batch: int | None = None,
    resolution: int | None = None,
    initialisation: Scheme | None = None,
    blocks: Sequence[str] | None = None,
    block_inputs: BlockInputs = None,
    compat: Compat = None,
    jobs: int = -1,
    allow_plugins: bool = False,
) -> pd.DataFrame:
    """Search a space for an accurate architecture.

    Results are kept in journals in `out` as they come: run the same command again after a kill and it goes
    on, or with a larger budget to go further.

    Args:
        space: The search space, or its name and options.
        out: The folder to write: `history.csv`, `course.png`, `trainings.jsonl`, `run.json`.
        strategy: What chooses the architectures, or its name and options.
        evaluator: What finds out how accurate they are, or its name and options.
        data: The images to train on and to read networks on, or their name and options.
        proxy: A proxy for zero-cost warm-up and moves, written as for `parzc score`.
        features: A feature store to read networks from; only its architectures are searched then.
        budget: How many different architectures to train.
        workers: Architectures asked for before the first of them is told, to be trained side by side.
        constraint: By `flops`, `parameters`, `latency` the most that an architecture may cost, by
            `min_flops` and so on the least.
        tradeoff: By the same measures an exponent, see `parzc.searching.costs.Tradeoff`: the strategy is
            told the accuracy times the cost to that power, and the Pareto front is of these measures.
        latencies: CSV file of measured latencies, columns `architecture` and `latency`.
        seed: Of all random choices.
        batch: Images in the mini-batch that networks are read on; as in the proxy's training, else 16.
        resolution: Height and width of the images that networks are read on, to read them faster than at full
            size, which is what they cost is counted at.
        initialisation: As for `parzc extract`, and so are the next three; by default as in the proxy's
            training.
        blocks: Names of modules between whose outputs lie the blocks of block-wise statistics.
        block_inputs: `noise` to read block-wise statistics on Gaussian noise.
        compat: `original` for the quirks of the public code that statistics are compared with.
        jobs: Processes that read networks; -1 for one a core.
        allow_plugins: Import the plug-ins from outside parzc that the proxy file names.

    Returns:
        What `history.csv` has, see `parzc.searching.report.history`.

    Raises:
        ValueError: If a value is out of range, something that the strategy needs is missing, or `out` is
            of a search with other settings.
        LookupError: If there is no such plug-in, proxy or column.
        RuntimeError: If no architecture could be trained.
    """
    settings = dict(locals())
    if budget < 1 or workers < 1:
        raise ValueError(f"budget and workers should be at least 1, got {budget} and {workers}.")
    sources = Sources(settings)
    costs = Costs(sources.space, None if latencies is None else read_latencies(latencies))
    training = _evaluator(evaluator, sources, seed)
    candidates = sources.candidates(training.architectures, Constraint(costs, constraint))
    chooser: Strategy = plugins.build("search", strategy, candidates=candidates, seed=seed)
    reward = Tradeoff(costs, tradeoff)
    Path(out).mkdir(parents=True, exist_ok=True)
    journal = Journal(Path(out, "trainings.jsonl"), _identity(settings))
    course = run(
        chooser, training, journal, budget=budget, allows=candidates.allows, reward=reward, workers=workers
    )
    frame = history(_follow(course, budget), costs, list(reward.exponents) or ["flops"])
    _report(frame, strategy, out)
    write_provenance(out, settings)
    return frame


def _evaluator(spec: Spec, sources: Sources, seed: int) -> Evaluator:
    name = spec["name"] if isinstance(spec, Mapping) else spec
    needs = inspect.signature(plugins.load("evaluators", name)).parameters
    if "images" in needs and sources.images is None:
        raise ValueError(f"evaluator={name} trains on images; say data=….")
    facts = {"space": sources.space, "images": sources.images, "seed": seed, "rebuild": sources.rebuild}
    built: Evaluator = plugins.build("evaluators", spec, **facts)
    return built


def _identity(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the course of a search depends on, with all defaults."""
    kinds = {"space": "spaces", "data": "datasets", "strategy": "search", "evaluator": "evaluators"}
    kept = {key: value for key, value in settings.items() if key not in _FREE}
    chosen = {key: plugins.complete(kind, kept[key]) for key, kind in kinds.items() if kept[key] is not None}
    bounds = {name: dict(kept[name]) for name in ("constraint", "tradeoff")}
    return kept | chosen | bounds


def _follow(course: Iterator[Trial], budget: int) -> list[Trial]:
    trials: list[Trial] = []
    best = 0.0
    with tqdm(desc="search", total=budget, unit="training") as bar:
        for trial in course:
            trials.append(trial)
            best = max(best, trial.result.get("accuracy", best))
            bar.set_postfix_str(f"best {best:.4f}", refresh=False)
            bar.update()
    return trials


def _report(frame: pd.DataFrame, strategy: Spec, out: str) -> None:
    if not frame["accuracy"].notna().any() and (frame.empty or "failure" in frame):
        reason = frame["failure"].iloc[0] if len(frame) else "none was asked for"
        raise RuntimeError(f"no architecture could be trained; {reason}")
    with atomic_write(Path(out, "history.csv")) as part:
        frame.to_csv(part, index=False, float_format="%.10g", lineterminator="\n")
    course = frame["best"].dropna().to_numpy(dtype=float)[None]
    if course.size:
        name = strategy["name"] if isinstance(strategy, Mapping) else strategy
        plot_courses(Path(out, "course.png"), {name: course}, title=out)
        best = frame.iloc[int(np.nanargmax(frame["accuracy"]))]
        found = f"{len(frame)} trainings, best {best['architecture']}: accuracy {best['accuracy']:.4f}"
        found += f", test accuracy {best['test_accuracy']:.4f}" if "test_accuracy" in frame else ""
    else:
        best = frame.iloc[0]
        found = f"nothing trained, first choice {best['architecture']}"
    print(f"{out}: {found}, {best['flops']:,.0f} FLOPs, {best['parameters']:,.0f} parameters.")
