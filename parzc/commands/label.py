"""`parzc label`: train the networks of a sample and write how accurate they become."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from parzc import plugins
from parzc.commands.selection import choose_architectures
from parzc.images import ImageData
from parzc.journal import Journal
from parzc.labelling import Examples, Recipe, divide, train_and_test
from parzc.probing.table import Architecture
from parzc.provenance import write_provenance
from parzc.space import Space
from parzc.targets import write_targets

__all__ = ["label"]

# What a network that cannot be built or trained raises; anything else is a fault of ours.
_DEATHS = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


def label(
    *,
    space: str | Mapping[str, Any],
    out: str,
    data: str | Mapping[str, Any] = "digits",
    architectures: int | str = 300,
    seeds: int = 3,
    epochs: int = 20,
    batch: int = 32,
    learning_rate: float = 0.1,
    optimiser: str = "sgd",
    weight_decay: float = 5e-4,
    validation: float = 0.5,
    seed: int = 0,
    jobs: int = -1,
) -> pd.DataFrame:
    """Train networks and write their accuracies.

    Each architecture is trained from `seeds` different initial weights. Results are kept in a
    journal beside `out` as they come: run the same command again after a kill and it goes on.
    The numbers do not depend on `jobs`.

    Args:
        space: The search space, or its name and options.
        out: The CSV file to write: `accuracy` and `test_accuracy`, the means over the seeds on the
            validation part and on the test part, then both for each seed.
        data: The images, or their name and options.
        architectures: A number (a random sample), `all`, or a file with one a line.
        seeds: Trainings of each architecture.
        epochs: Passes over the training images.
        batch: Images in a mini-batch.
        learning_rate: At the start; falls to 0 along half a cosine.
        optimiser: `sgd` or `adamw`.
        weight_decay: As the optimiser understands it.
        validation: Share of the training part that is held out to measure `accuracy`.
        seed: Seed of the sample, of the validation part and, counting up, of the trainings.
        jobs: Processes; -1 for one a core.

    Returns:
        What was written: fractions in [0, 1], one row a trained architecture.

    Raises:
        ValueError: If a value is out of range, or the journal is of a run with other settings.
        RuntimeError: If all networks fail.
    """
    settings = dict(locals())
    recipe = Recipe(epochs, batch, learning_rate, optimiser, weight_decay)
    if seeds < 1 or jobs == 0:
        raise ValueError(f"seeds should be 1 or more and jobs not 0, got {seeds} and {jobs}.")
    images: ImageData = plugins.build("datasets", data).load()
    built: Space = plugins.build("spaces", space, classes=images.classes, image_shape=images.shape)
    chosen = choose_architectures(built, architectures, seed)
    kept = {key: value for key, value in settings.items() if key not in ("out", "architectures", "jobs")}
    kept |= {"space": plugins.complete("spaces", space), "data": plugins.complete("datasets", data)}
    journal = Journal(Path(out + ".journal.jsonl"), kept)
    parts = divide(images, validation, seed)
    failures = _train_all(built, chosen, journal, parts, recipe, range(seed, seed + seeds), jobs=jobs)
    frame = _frame(chosen, journal)
    if frame.empty:
        name, reason = next(iter(failures.items()))
        raise RuntimeError(f"all {len(chosen)} networks failed in training; {name}: {reason}")
    write_targets(out, frame)
    write_provenance(out, settings)
    _report(frame, failures, out)
    return frame


def _train_all(
    space: Space,
    chosen: Sequence[Architecture],
    journal: Journal,
    parts: Mapping[str, Examples],
    recipe: Recipe,
    seeds: range,
    *,
    jobs: int,
) -> dict[str, str]:
    remaining = [name for name in chosen if name not in journal.results]
    # As arrays: joblib hands large ones to its processes through one memory map instead of copies.
    arrays = {part: (examples.x.numpy(), examples.y.numpy()) for part, examples in parts.items()}
    run = joblib.delayed(_train_one)
    tasks = (run(space, name, arrays, recipe, seeds) for name in remaining)
    failures: dict[str, str] = {}
    with joblib.Parallel(
        jobs, return_as="generator_unordered", mmap_mode="c", pre_dispatch="2*n_jobs"
    ) as parallel:
        results = parallel(tasks)
        for name, result in tqdm(
            results,
            "label",
            initial=len(chosen) - len(remaining),
            total=len(chosen),
            unit="network",
            smoothing=0.02,
        ):
            if "failure" in result:
                failures[name] = result["failure"]
            else:
                journal.add(name, result)
    return failures


def _train_one(
    space: Space,
    architecture: Architecture,
    arrays: Mapping[str, tuple[np.ndarray, np.ndarray]],
    recipe: Recipe,
    seeds: range,
) -> tuple[str, dict[str, Any]]:
    parts = {part: Examples(torch.from_numpy(x), torch.from_numpy(y)) for part, (x, y) in arrays.items()}
    try:
        pairs = [train_and_test(space, architecture, parts, recipe, seed) for seed in seeds]
    except _DEATHS as error:
        return architecture, {"failure": f"{type(error).__name__}: {error}"}
    valid, test = zip(*pairs, strict=True)
    return architecture, {"accuracy": valid, "test_accuracy": test}


def _frame(chosen: Sequence[Architecture], journal: Journal) -> pd.DataFrame:
    rows = []
    for name in chosen:
        if name not in journal.results:
            continue
        result = journal.results[name]
        means = {column: float(np.mean(values)) for column, values in result.items()}
        by_seed = {
            f"{column}_seed{i}": value for column, values in result.items() for i, value in enumerate(values)
        }
        rows.append({"architecture": name} | means | by_seed)
    return pd.DataFrame(rows)


def _report(frame: pd.DataFrame, failures: Mapping[str, str], out: str) -> None:
    valid = frame["accuracy"]
    print(f"{out}: {len(frame)} networks, validation accuracy {valid.min():.3f} to {valid.max():.3f}.")
    if failures:
        print(f"{len(failures)} networks failed in training and are left out:", file=sys.stderr)
        for name, reason in list(failures.items())[:10]:
            print(f"  {name}: {reason}", file=sys.stderr)
