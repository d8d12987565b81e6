"""Search guided by a predictor that is refitted on the way."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from parzc import plugins
from parzc.learning.data import Split, Task
from parzc.learning.training import Recipe, Trained, predict_mean, train_predictor
from parzc.probing.table import Architecture, Table
from parzc.searching.candidates import Candidates
from parzc.searching.strategy import NothingLeftError

__all__ = ["PredictorGuided"]

_STATISTICS = ("grad_norm", "snip", "fisher", "synflow", "activation_variance", "output_gradient_norm")
_FEWEST_TO_FIT = 4


class PredictorGuided:
    """Train some, fit a predictor to all trained so far, train what it likes best, and so on.

    Half of each round are the best of the pool by the predictor, the other half are drawn from its best part:
    the better half in the first round after the start, the best quarter in the next. The first round is
    random, or with a proxy and `warm_up` the best of the pool by the proxy.

    Args:
        candidates: What to draw from.
        seed: Of the pool, of draws and of the predictor.
        pool: How many architectures to draw and read.
        each: Architectures in a round.
        warm_up: Whether the first round is chosen by the proxy.
        statistics: What is read of networks.
        encoding: How tables get one shape.
        predictor: From there to scores.
        loss: What is minimised.
        epochs: Passes over what was trained.
        learning_rate: At the start; falls to 0 along half a cosine.

    Source:
        Dudziak et al., NeurIPS 2020 (BRP-NAS), with the warm-up of Abdelfattah et al., ICLR 2021.
        Compared with SamsungLabs/eagle. Deviations: the predictor is one of ours, on statistics of
        networks and not on graphs, and starts anew each round; the warm-up chooses the first round by the
        proxy and does not pre-train the predictor on it.
    """

    def __init__(
        self,
        *,
        candidates: Candidates,
        seed: int,
        pool: int = 1000,
        each: int = 20,
        warm_up: bool = False,
        statistics: Sequence[str] = _STATISTICS,
        encoding: str | Mapping[str, Any] = "aligned",
        predictor: str | Mapping[str, Any] = "mabn",
        loss: str | Mapping[str, Any] = "diffkendall",
        epochs: int = 60,
        learning_rate: float = 0.005,
    ) -> None:
        if each < 2:
            raise ValueError(f"each should be at least 2, got {each}.")
        self._canonical, self._generator, self._seed = candidates.space.canonical, Random(seed), seed
        self._tables = candidates.tables(candidates.pool(pool, seed), statistics)
        names = list(self._tables)
        self._names = {candidates.space.canonical(name): name for name in names}
        self._queue = (candidates.rank(names) if warm_up else names)[:each]
        self._each, self._round = each, 0
        self._encoding, self._predictor, self._loss = encoding, predictor, plugins.build("losses", loss)
        self._recipe = Recipe(epochs=epochs, learning_rate=learning_rate, validation=0.0)
        self._told: dict[Architecture, float] = {}
        self._asked: set[Architecture] = set()

    def ask(self) -> Architecture:
        """Name the next of the round, after fitting the predictor if a new round begins.

        Raises:
            NothingLeftError: If the whole pool has been asked for.
        """
        if not self._queue:
            self._queue = self._choose()
        if not self._queue:
            raise NothingLeftError("every architecture of the pool has been asked for; say strategy.pool=….")
        architecture = self._queue.pop(0)
        self._asked.add(architecture)
        return architecture

    def tell(self, architecture: Architecture, accuracy: float) -> None:
        """Keep an accuracy for the next round; an architecture outside the pool says nothing."""
        name = self._names.get(self._canonical(architecture))
        if name is not None:
            self._told[name] = accuracy
            self._queue = [queued for queued in self._queue if queued != name]

    def _choose(self) -> list[Architecture]:
        self._round += 1
        known = self._asked | self._told.keys()
        ranked = self._rank()
        unseen = [name for name in ranked if name not in known]
        best = unseen[: self._each // 2]
        part = {*ranked[: max(self._each, len(ranked) >> self._round)]}
        others = [name for name in unseen[len(best) :] if name in part] or unseen[len(best) :]
        rest = min(self._each - len(best), len(others))
        return best + self._generator.sample(others, rest)

    def _rank(self) -> list[Architecture]:
        if len(self._told) < _FEWEST_TO_FIT:
            return list(self._tables)
        trained = self._fit()
        scores = predict_mean(trained, list(self._tables.values()))
        names = list(self._tables)
        return [names[index] for index in np.argsort(-scores, kind="stable").tolist()]

    def _fit(self) -> Trained:
        def prepare(fitted: Sequence[Table]) -> tuple[Any, Any]:
            encoding = plugins.build("encodings", self._encoding)
            encoding.fit(fitted)
            facts = {"length": encoding.length, "channels": encoding.channels}
            return encoding, plugins.build("predictors", self._predictor, **facts)

        with tempfile.TemporaryDirectory() as folder:
            return train_predictor(
                [Task(self._tables, self._told, Split(list(self._told), [], []))],
                prepare,
                loss=self._loss,
                recipe=self._recipe,
                folder=Path(folder),
                seed=self._seed,
            )
