"""`parzc label`: train the networks of a sample and write how accurate they become."""

import dataclasses
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from parzc import plugins
from parzc.commands.selection import choose_architectures
from parzc.images import ImageData
from parzc.journal import Journal
from parzc.labelling import Recipe, divide, find_devices
from parzc.probing.table import Architecture
from parzc.provenance import write_provenance
from parzc.space import Space
from parzc.targets import write_targets
from parzc.trainings import Training, train_each

__all__ = ["label"]

# What the results of a training do not depend on.
_FREE = ("out", "architectures", "seeds", "device", "jobs")

_COLUMNS = ("accuracy", "test_accuracy")


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
    augment: Sequence[str] = (),
    patience: int | None = None,
    validation: float = 0.5,
    seed: int = 0,
    device: str = "auto",
    jobs: int = -1,
) -> pd.DataFrame:
    """Train networks and write their accuracies.

    Each architecture is trained from `seeds` different initial weights. Every training's result is
    kept in a journal beside `out` as it comes: run the same command again after a kill and it goes
    on; with more architectures or seeds it adds what is missing. The numbers do not depend on `jobs`.

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
        augment: How training images change at random: `flip` (left to right), `crop` (shifted by up to
            an eighth). None by default, because only you know what leaves a class alone.
        patience: Stop a training after so many epochs without a better validation accuracy, and
            measure the weights that had the best; by default it takes all epochs.
        validation: Share of the training part that is held out to measure `accuracy`.
        seed: Seed of the sample, of the validation part and, counting up, of the trainings.
        device: `auto` for the GPUs if there are any, `cpu`, `cuda`, or one GPU, `cuda:1`.
        jobs: Processes; -1 for one a core, or one a GPU.

    Returns:
        What was written: fractions in [0, 1], one row a trained architecture.

    Raises:
        ValueError: If a value is out of range, or the journal is of a run with other settings.
        RuntimeError: If all networks fail.
    """
    settings = dict(locals())
    recipe = _recipe(settings)
    find_devices(device)  # a wrong one is refused before anything is loaded
    if seeds < 1 or jobs == 0:
        raise ValueError(f"seeds should be 1 or more and jobs not 0, got {seeds} and {jobs}.")
    images: ImageData = plugins.build("datasets", data).load()
    built: Space = plugins.build("spaces", space, classes=images.classes, image_shape=images.shape)
    chosen = choose_architectures(built, architectures, seed)
    kept = {key: value for key, value in settings.items() if key not in _FREE}
    kept |= {"space": plugins.complete("spaces", space), "data": plugins.complete("datasets", data)}
    journal = Journal(Path(out + ".journal.jsonl"), kept)
    parts = divide(images, validation, seed)
    wanted = list(itertools.product(chosen, range(seed, seed + seeds)))
    train = partial(train_each, built, parts=parts, recipe=recipe, device=device, jobs=jobs)
    failures = _train_all(wanted, journal, train)
    frame = _frame(wanted, journal)
    if frame.empty:
        name, reason = next(iter(failures.items()))
        raise RuntimeError(f"all {len(chosen)} networks failed in training; {name}: {reason}")
    write_targets(out, frame)
    write_provenance(out, settings)
    _report(frame, failures, out)
    return frame


def _recipe(settings: Mapping[str, Any]) -> Recipe:
    values = {field.name: settings[field.name] for field in dataclasses.fields(Recipe)}
    return Recipe(**values | {"augment": tuple(settings["augment"])})


def _train_all(
    wanted: Sequence[tuple[Architecture, int]],
    journal: Journal,
    train: Callable[[Sequence[tuple[Architecture, int]]], Iterator[Training]],
) -> dict[Architecture, str]:
    """Train what the journal lacks, and say why some could not be."""
    remaining = [(name, seed) for name, seed in wanted if str(seed) not in journal.results.get(name, {})]
    done = len(wanted) - len(remaining)
    failures: dict[Architecture, str] = {}
    for name, seed, result in tqdm(
        train(remaining), "label", total=len(wanted), initial=done, unit="training", smoothing=0.02
    ):
        if isinstance(result, str):
            failures[name] = result
        else:
            journal.add(name, journal.results.get(name, {}) | {str(seed): result})
    return failures


def _frame(wanted: Sequence[tuple[Architecture, int]], journal: Journal) -> pd.DataFrame:
    """Make one row of each architecture all of whose trainings are there."""
    rows = []
    for name, pairs in itertools.groupby(wanted, key=lambda pair: pair[0]):
        results = [journal.results.get(name, {}).get(str(seed)) for _, seed in pairs]
        if None in results:
            continue
        by_column = dict(zip(_COLUMNS, zip(*results, strict=True), strict=True))
        means = {column: float(np.mean(values)) for column, values in by_column.items()}
        by_seed = {
            f"{column}_seed{i}": value
            for column, values in by_column.items()
            for i, value in enumerate(values)
        }
        rows.append({"architecture": name} | means | by_seed)
    return pd.DataFrame(rows)


def _report(frame: pd.DataFrame, failures: Mapping[Architecture, str], out: str) -> None:
    valid = frame["accuracy"]
    print(f"{out}: {len(frame)} networks, validation accuracy {valid.min():.3f} to {valid.max():.3f}.")
    if failures:
        print(f"{len(failures)} networks failed in training and are left out:", file=sys.stderr)
        for name, reason in failures.items():
            print(f"  {name}: {reason}", file=sys.stderr)
