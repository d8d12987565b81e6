"""`parzc train`: learn a proxy from features and accuracies."""

import copy
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from parzc import plugins
from parzc.atomic import atomic_write
from parzc.evaluation.correlation import kendall_tau
from parzc.learning.acquire import Known, acquire, next_to_label
from parzc.learning.data import Split, Task, split_architectures
from parzc.learning.preparation import prepare
from parzc.learning.training import (
    CHECKPOINT,
    Recipe,
    Trained,
    collect_metrics,
    predict_mean,
    train_predictor,
)
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture
from parzc.provenance import provenance, write_provenance
from parzc.proxy import ParametricProxy
from parzc.targets import read_targets

__all__ = ["train"]


def train(
    *,
    features: str,
    targets: str,
    target: str,
    out: str,
    budget: int = 156,
    seed: int = 0,
    encoding: str | Mapping[str, Any] = "aligned",
    predictor: str | Mapping[str, Any] = "mabn",
    loss: str | Mapping[str, Any] = "diffkendall",
    acquisition: str | Mapping[str, Any] | None = None,
    start: int = 24,
    round: int = 16,
    validation: float = Recipe.validation,
    refit: bool = Recipe.refit,
    epochs: int = Recipe.epochs,
    patience: int = Recipe.patience,
    batch: int | None = Recipe.batch,
    learning_rate: float = Recipe.learning_rate,
    weight_decay: float = Recipe.weight_decay,
    anchor: float = Recipe.anchor,
    kl_weight: float = Recipe.kl_weight,
    tensorboard: bool = Recipe.tensorboard,
    unlabelled: bool = Recipe.unlabelled,
) -> dict[str, float | int]:
    """Learn a proxy from the targets of a few architectures.

    A proxy that is to be carried to other spaces can learn from several: then each has its own scale of
    features, and architectures are compared within a space only.

    Args:
        features: The folder of a feature store; of several spaces, their folders with commas between.
        targets: The CSV file of accuracies, of each space.
        target: Its column, of each space.
        out: The folder to write: `checkpoint.ckpt`, `metrics.csv`, `metrics.json`, `training.txt` (the
            architectures whose targets were seen), `held_out.csv`, `run.json`; with an acquisition
            `next.txt` (architectures without a target that are most worth labelling, one round of them).
        budget: How many architectures' targets of each space training sees, the validation part included.
        seed: Of the choice of architectures, the initial weights and the order of batches.
        encoding: How tables get one shape.
        predictor: From there to scores.
        loss: What is minimised, beside `anchor` and `kl_weight`.
        acquisition: What chooses the architectures whose targets training sees, from a round to the next;
            `None` for all at random.
        start: With an acquisition, how many are chosen at random before the first round.
        round: How many are chosen in a round; then training starts anew.
        validation: Part of the budget that early stopping looks at.
        refit: After early stopping, train again on the whole budget for as many epochs as training lasted.
        epochs: Passes over the training targets at most.
        patience: Epochs without a lower validation loss after which training stops.
        batch: Architectures in a step; `None` for an eighth of those fitted, from 8 to 128.
        learning_rate: At the start; falls to zero along half a cosine.
        weight_decay: Of the weights that have no prior.
        anchor: Weight of the squared distance from the standardised ranks, which fixes the scores' scale.
        kl_weight: Weight of the divergence from the prior.
        tensorboard: Write TensorBoard files too.
        unlabelled: Fit the encoding to all architectures of the store, and not only to those of the budget.

    Returns:
        `kendall_tau` with the same column of the architectures outside the budget, the mean over spaces
        (missing if fewer than two are left), their number `n`, and the number of `epochs` trained.

    Raises:
        FileNotFoundError: If there is no such store or file of targets.
        LookupError: If there is no such column or plug-in, or a table lacks a statistic.
        TypeError: If the acquisition needs a predictor that says what it does not know.
        ValueError: If the budget does not fit the data, an acquisition is given several spaces, or `out`
            holds something else.
    """
    settings = dict(locals())
    recipe = _recipe(settings)
    stores = [FeatureStore.open(folder) for folder in _listed(features)]
    tasks = _tasks(stores, settings)

    fit = partial(
        train_predictor,
        prepare=partial(prepare, encoding=encoding, predictor=predictor),
        loss=plugins.build("losses", loss),
        recipe=recipe,
        seed=seed,
    )
    if acquisition is not None:
        tasks = [_acquire(tasks, fit, settings)]
    with _whole_folder(Path(out)) as folder:
        trained = fit(tasks, folder=folder)
        if acquisition is not None:
            wanted = _next(trained, tasks[0], settings)
            (folder / "next.txt").write_text("".join(f"{name}\n" for name in wanted))
        held_out = [_score_held_out(trained, task, adapt=len(tasks) > 1) for task in tasks]
        measured = _measure(held_out)
        seen = sorted(name for task in tasks for name in task.split.budget)
        metadata = _metadata([store.settings for store in stores], settings, seen, measured)
        _describe(folder / CHECKPOINT, ParametricProxy(trained.encoding, trained.predictor, metadata))
        collect_metrics(folder)
        pd.concat(held_out).to_csv(folder / "held_out.csv", index=False)
        (folder / "metrics.json").write_text(json.dumps(measured, indent=2) + "\n")
        (folder / "training.txt").write_text("".join(f"{name}\n" for name in seen))
        write_provenance(folder, settings)
    tau = f"held-out tau {measured['kendall_tau']:.3f}, " if "kendall_tau" in measured else ""
    print(f"{out}: {tau}{len(seen)} targets, {trained.epochs} epochs, {measured['n']} held out")
    return measured | {"epochs": trained.epochs}


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _tasks(stores: Sequence[FeatureStore], settings: Mapping[str, Any]) -> list[Task]:
    files, columns = _listed(settings["targets"]), _listed(settings["target"])
    if not len(stores) == len(files) == len(columns):
        raise ValueError(
            "features, targets and target should name as many spaces,"
            f" got {len(stores)}, {len(files)} and {len(columns)}."
        )
    tasks = []
    for store, file, column in zip(stores, files, columns, strict=True):
        tables = store.tables()
        accuracies = read_targets(file, column, tables)
        names = list(accuracies)
        split = split_architectures(names, settings["budget"], settings["validation"], settings["seed"])
        tasks.append(Task(tables, accuracies, split))
    return tasks


def _acquire(tasks: Sequence[Task], fit: Callable[..., Trained], settings: Mapping[str, Any]) -> Task:
    """Choose anew what training may see."""
    if len(tasks) > 1:
        raise ValueError(f"an acquisition chooses in one space, got {len(tasks)}; leave it out.")
    (task,), seed, budget = tasks, settings["seed"], settings["budget"]
    names = list(task.targets)

    def look_up(chosen: Sequence[Architecture]) -> Known:
        return {name: task.targets[name] for name in chosen}

    def train_on(known: Known) -> Trained:
        split = split_architectures(list(known), len(known), settings["validation"], seed)
        with tempfile.TemporaryDirectory() as scratch:
            return fit([replace(task, split=split)], folder=Path(scratch))

    first = split_architectures(names, min(settings["start"], budget), 0.0, seed)
    known = acquire(
        look_up(first.fit),
        dict.fromkeys(names, 1.0),
        budget,
        tables=task.tables,
        acquisition=plugins.build("acquisitions", settings["acquisition"]),
        train=train_on,
        look_up=look_up,
        each=settings["round"],
        seed=seed,
    )
    split = split_architectures(list(known), budget, settings["validation"], seed)
    held_out = [name for name in names if name not in known]
    return replace(task, split=Split(split.fit, split.validation, held_out))


def _next(trained: Trained, task: Task, settings: Mapping[str, Any]) -> list[Architecture]:
    """Say what is most worth labelling of the architectures that have no target."""
    return next_to_label(
        trained,
        {name: task.targets[name] for name in task.split.budget},
        {name: 1.0 for name in task.tables if name not in task.targets},
        tables=task.tables,
        acquisition=plugins.build("acquisitions", settings["acquisition"]),
        count=settings["round"],
        generator=np.random.default_rng(settings["seed"]),
    )


def _score_held_out(trained: Trained, task: Task, *, adapt: bool) -> pd.DataFrame:
    names = task.split.held_out
    if adapt:
        own = copy.deepcopy(trained.encoding)
        own.adapt(list(task.tables.values()))
        trained = Trained(own, trained.predictor)
    scores = predict_mean(trained, [task.tables[name] for name in names])
    targets = [task.targets[name] for name in names]
    return pd.DataFrame({"architecture": names, "score": scores, "target": targets})


def _recipe(settings: Mapping[str, Any]) -> Recipe:
    return Recipe(**{name: settings[name] for name in Recipe.__dataclass_fields__})


def _measure(held_out: Sequence[pd.DataFrame]) -> dict[str, float | int]:
    distinct = [frame for frame in held_out if frame["target"].nunique() > 1 and frame["score"].nunique() > 1]
    taus = [kendall_tau(frame["score"].to_numpy(), frame["target"].to_numpy()) for frame in distinct]
    return ({"kendall_tau": float(np.mean(taus))} if taus else {}) | {"n": sum(map(len, held_out))}


def _metadata(
    extracted: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    training: Sequence[Architecture],
    measured: Mapping[str, float | int],
) -> dict[str, Any]:
    others = {"others": [dict(each) for each in extracted[1:]]} if len(extracted) > 1 else {}
    return {
        **extracted[0],
        **others,
        "target": settings["target"],
        "training": list(training),
        "training_seed": settings["seed"],
        "metrics": dict(measured),
        "versions": provenance(settings)["versions"],
    }


def _describe(checkpoint: Path, proxy: ParametricProxy) -> None:
    """Add to Lightning's checkpoint what `parzc export` needs beside the weights."""
    content = torch.load(checkpoint, weights_only=True)
    content["parzc"] = proxy.content().metadata
    with atomic_write(checkpoint) as part:
        torch.save(content, part)


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """Give a folder to fill that takes the place of an earlier run when the block ends well."""
    if out.exists() and not (out.is_dir() and ((out / CHECKPOINT).exists() or not any(out.iterdir()))):
        raise ValueError(f"out should be a new folder or an earlier run, but {out} holds something else.")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        yield part
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
