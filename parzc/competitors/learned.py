"""Proxies learned from node statistics: what `parzc train` makes."""

import dataclasses
import io
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from parzc import plugins
from parzc.competitor import Candidates, Forecast, LookUp
from parzc.learning.acquire import Known, acquire
from parzc.learning.data import Split, Task, split_architectures
from parzc.learning.preparation import prepare
from parzc.learning.training import Recipe, Trained, tables_to_fit, train_predictor
from parzc.probing.table import Architecture, Table
from parzc.proxy import ParametricProxy

__all__ = ["Learned"]


class Learned:
    """A predictor over encoded node tables, trained as `parzc train` does.

    Args:
        predictor: As for `parzc train`, and so are the others.
        encoding: How tables get one shape.
        loss: What is minimised, beside `anchor` and `kl_weight`.
        acquisition: What chooses the architectures to learn from; `None` for those drawn at random. It
            chooses among different functions, each of which stands for all of its notations.
        start: With an acquisition, how many of those drawn at random are known before the first round.
        round: How many are chosen in a round.
        recipe: Other values of `parzc.learning.training.Recipe`, such as `epochs` or `validation`.

    Raises:
        TypeError: If the recipe has no such value.
    """

    most = float("inf")

    def __init__(
        self,
        *,
        predictor: str | Mapping[str, Any] = "mabn",
        encoding: str | Mapping[str, Any] = "aligned",
        loss: str | Mapping[str, Any] = "diffkendall",
        acquisition: str | Mapping[str, Any] | None = None,
        start: int = 24,
        round: int = 16,
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        self.predictor, self.encoding = predictor, encoding
        self.loss = plugins.build("losses", loss)
        self.acquisition = None if acquisition is None else plugins.build("acquisitions", acquisition)
        self.start, self.round = start, round
        self.recipe = dataclasses.replace(Recipe(), **(recipe or {}))

    def choose(
        self, candidates: Candidates, drawn: Int[np.ndarray, " budget"], look_up: LookUp, *, seed: int
    ) -> Int[np.ndarray, " budget"]:
        """Choose what to learn from; see `parzc.competitor.Chooser.choose`."""
        if self.acquisition is None:
            return drawn
        names, tables = candidates.architectures, candidates.require_tables()
        row = {name: place for place, name in enumerate(names)}

        def look_up_names(chosen: Sequence[Architecture]) -> Known:
            targets = look_up(np.array([row[name] for name in chosen]))
            return dict(zip(chosen, targets.tolist(), strict=True))

        first = [names[place] for place in drawn[: self.start]]
        functions = dict(zip(names, candidates.canonical, strict=True))
        seen, count = {functions[name] for name in first}, Counter(candidates.canonical)
        one_of_each = {function: name for name, function in functions.items() if function not in seen}
        known = acquire(
            look_up_names(first),
            {name: float(count[function]) for function, name in one_of_each.items()},
            len(drawn),
            tables=tables,
            acquisition=self.acquisition,
            train=lambda known: self._train(tables, known, seed),
            look_up=look_up_names,
            each=self.round,
            seed=seed,
        )
        return np.array([row[name] for name in known])

    def fit(
        self,
        candidates: Candidates,
        known: Int[np.ndarray, " budget"],
        targets: Float[np.ndarray, " budget"],
        *,
        seed: int,
    ) -> None:
        """Train; see `parzc.competitor.Competitor.fit`."""
        if not len(known):
            task = Task(candidates.require_tables(), {}, Split([], [], []))
            every = tables_to_fit([task], self.recipe)
            self.proxy = ParametricProxy(*prepare(every, encoding=self.encoding, predictor=self.predictor))
            return
        names = [candidates.architectures[row] for row in known]
        known_targets = dict(zip(names, targets.tolist(), strict=True))
        trained = self._train(candidates.require_tables(), known_targets, seed)
        self.proxy = ParametricProxy(trained.encoding, trained.predictor)

    def predict(self, candidates: Candidates) -> Forecast:
        """Score by the posterior mean."""
        scores, sd = candidates.by_table(self.proxy.predict)
        return scores, sd

    @property
    def normal(self) -> bool:
        """Whether the predictor learns normal scores."""
        return bool(getattr(self._predictor_class, "normal", False))

    @property
    def fewest(self) -> int:
        """Accuracies that it needs: none if the predictor has a prior that speaks without."""
        return int(getattr(self._predictor_class, "fewest", 2))

    @property
    def _predictor_class(self) -> Any:
        name = self.predictor if isinstance(self.predictor, str) else self.predictor["name"]
        return plugins.load("predictors", name)

    def _train(self, tables: Mapping[Architecture, Table], known: Known, seed: int) -> Trained:
        split = split_architectures(list(known), len(known), self.recipe.validation, seed)
        quiet = redirect_stderr(io.StringIO())  # progress bars of many runs at a time tell nobody anything
        with tempfile.TemporaryDirectory() as folder, quiet:
            return train_predictor(
                [Task(tables, known, split)],
                partial(prepare, encoding=self.encoding, predictor=self.predictor),
                loss=self.loss,
                recipe=self.recipe,
                folder=Path(folder),
                seed=seed,
            )
