"""Train a predictor: stop early on a part of the budget, then fit the whole of it."""

import logging
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from jaxtyping import Float
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import Tensor
from tqdm import tqdm

from parzc.learning.data import ArchitectureData, Task
from parzc.learning.module import RankingModule
from parzc.probing.table import Table

__all__ = [
    "CHECKPOINT",
    "Recipe",
    "Trained",
    "collect_metrics",
    "predict_mean",
    "tables_to_fit",
    "train_predictor",
]

CHECKPOINT = "checkpoint.ckpt"
_CHUNK = 256
_MOST_UNLABELLED = 2000

Prepare = Callable[[Sequence[Table]], tuple[Any, Any]]


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        epochs: Passes over the training targets at most.
        patience: Epochs without a lower validation loss after which training stops.
        refit: After early stopping, train again on the whole budget for as many epochs as training lasted.
            The best epoch itself is a noisy choice with few targets, and too few epochs cost more than
            too many.
        batch: Architectures in a step; `None` for an eighth of those fitted, from 8 to 128.
        learning_rate: At the start; falls to zero along half a cosine.
        weight_decay: Of the weights that have no prior (AdamW).
        anchor: Weight of the squared error beside the loss.
        kl_weight: Weight of the divergence from the prior.
        validation: Part of the budget that early stopping looks at.
        tensorboard: Write TensorBoard files beside `metrics.csv`.
        unlabelled: Fit the encoding to all architectures of the space, at most two thousand, and not only
            to those whose targets are known. No target plays a part in it.
    """

    epochs: int = 60
    patience: int = 30
    refit: bool = True
    batch: int | None = None
    learning_rate: float = 0.005
    weight_decay: float = 0.05
    anchor: float = 1.0
    kl_weight: float = 0.1
    validation: float = 0.2
    tensorboard: bool = False
    unlabelled: bool = False


@dataclass(frozen=True)
class Trained:
    """What training gives.

    Attributes:
        encoding: Fitted.
        predictor: Trained.
        epochs: Epochs that the predictor was trained for.
        lasted: Epochs until training stopped, which is `patience` more if it stopped early.
    """

    encoding: Any
    predictor: Any
    epochs: int = 0
    lasted: int = 0


def train_predictor(
    tasks: Sequence[Task],
    prepare: Prepare,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    recipe: Recipe,
    folder: Path,
    seed: int,
) -> Trained:
    """Train a predictor and leave a checkpoint and the course of the losses in a folder.

    Args:
        tasks: The space to learn from, or several.
        prepare: Makes an encoding and a predictor to start from, given the tables that are fitted.
        loss: From scores and targets to a number; lower is better.
        recipe: How to train.
        folder: An empty folder.
        seed: Of the initial weights, the order of batches and the noise.

    Returns:
        Encoding and predictor in evaluation mode. A predictor that targets condition in closed form is
        conditioned by those of the only space; after several it knows none, only its prior.
    """
    run = partial(_run, prepare=prepare, loss=loss, recipe=recipe, folder=folder, seed=seed)
    epochs = recipe.epochs
    if any(task.split.validation for task in tasks):
        trained = run(tasks, epochs=epochs, name="fit")
        if not recipe.refit:
            return trained
        epochs = trained.lasted
    return run([task.whole() for task in tasks], epochs=epochs, name="refit")


def predict_mean(trained: Trained, tables: Sequence[Table]) -> Float[np.ndarray, " tables"]:
    """Score tables by the posterior mean.

    Args:
        trained: Encoding and predictor.
        tables: The tables.

    Returns:
        Scores, higher is better.
    """
    parts = [np.zeros(0)]
    with torch.no_grad():
        for start in range(0, len(tables), _CHUNK):
            encoded = trained.encoding(tables[start : start + _CHUNK])
            parts.append(trained.predictor(encoded).mean(0).double().numpy())
    return np.concatenate(parts)


def collect_metrics(folder: Path) -> None:
    """Put the course of all runs into one `metrics.csv`, with the run's name in the column `run`.

    Args:
        folder: The folder that was trained in; of what took no epoch, only the header is written.
    """
    parts = sorted(folder.glob("metrics_*/metrics.csv"))
    frames = [pd.read_csv(part).assign(run=part.parent.name.removeprefix("metrics_")) for part in parts]
    pd.concat(frames or [pd.DataFrame(columns=["run", "epoch"])]).groupby(
        ["run", "epoch"]
    ).first().reset_index().to_csv(folder / "metrics.csv", index=False)
    for part in parts:
        shutil.rmtree(part.parent)


def _run(
    tasks: Sequence[Task],
    *,
    prepare: Prepare,
    loss: Callable[[Tensor, Tensor], Tensor],
    recipe: Recipe,
    epochs: int,
    name: str,
    folder: Path,
    seed: int,
) -> Trained:
    validated = any(task.split.validation for task in tasks)
    with _reproducible(seed), _quiet():
        encoding, predictor = prepare(tables_to_fit(tasks, recipe))
        data = ArchitectureData(tasks, encoding=encoding, batch=recipe.batch, seed=seed)
        module = RankingModule(
            encoding=encoding,
            predictor=predictor,
            loss=loss,
            optimizer=partial(torch.optim.AdamW, lr=recipe.learning_rate, weight_decay=recipe.weight_decay),
            observations=sum(len(task.split.fit) for task in tasks),
            anchor=recipe.anchor,
            kl_weight=recipe.kl_weight,
            steps=epochs * data.batches,
        )
        best = ModelCheckpoint(dirpath=folder, filename=name, monitor="validation_loss")
        stop = EarlyStopping("validation_loss", patience=recipe.patience)
        trainer = _trainer(
            [_Progress(name), *([best, stop] if validated else [])],
            loggers=_loggers(folder, name, recipe.tensorboard),
            epochs=epochs,
            validated=validated,
        )
        if any(parameter.requires_grad for parameter in predictor.parameters()):
            trainer.fit(module, datamodule=data)
        else:
            trainer.strategy.connect(module)
            validated = False
        lasted = trainer.current_epoch
        epochs = _restore(module, best) if validated else lasted
        if len(tasks) == 1 and hasattr(predictor, "condition"):
            predictor.condition(*data.known)
        trainer.save_checkpoint(folder / CHECKPOINT)
    return Trained(encoding.eval(), predictor.eval(), epochs, lasted)


def tables_to_fit(tasks: Sequence[Task], recipe: Recipe) -> list[Table]:
    """List what an encoding is fitted to, each table once.

    Args:
        tasks: The spaces.
        recipe: Says whether architectures without a target count.

    Returns:
        The tables.
    """
    known = [table for task in tasks for table in task.fitted()]
    if not recipe.unlabelled:
        return known
    every = list({id(table): table for task in tasks for table in task.tables.values()}.values())
    kept = np.linspace(0, len(every) - 1, min(len(every), _MOST_UNLABELLED)).round().astype(int)
    return list({id(table): table for table in [*known, *(every[place] for place in kept)]}.values())


def _trainer(callbacks: list[Callback], *, loggers: list[Logger], epochs: int, validated: bool) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        logger=loggers,
        callbacks=callbacks,
        log_every_n_steps=1,
        deterministic=True,
        limit_val_batches=1.0 if validated else 0,
        num_sanity_val_steps=0,
        enable_checkpointing=validated,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _loggers(folder: Path, name: str, tensorboard: bool) -> list[Logger]:
    loggers: list[Logger] = [CSVLogger(folder, name=None, version=f"metrics_{name}")]
    if tensorboard:
        loggers.append(TensorBoardLogger(folder, name=None, version=f"tensorboard_{name}"))
    return loggers


def _restore(module: RankingModule, best: ModelCheckpoint) -> int:
    path = Path(best.best_model_path)
    checkpoint = torch.load(path, weights_only=True)
    module.load_state_dict(checkpoint["state_dict"])
    path.unlink()
    return int(checkpoint["epoch"]) + 1


class _Progress(Callback):
    """Shows epochs on standard error."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bar: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.bar = tqdm(desc=self.name, total=trainer.max_epochs, unit="epoch", file=sys.stderr, delay=2)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.bar.update()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.bar.close()


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Seed the block and leave the global random state and settings as they were."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what Lightning says about hardware and about data loaders that have one process."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
