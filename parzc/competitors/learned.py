"""Proxies learned from node statistics: what `parzc train` makes."""

import dataclasses
import io
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from parzc import plugins
from parzc.competitor import Candidates, Forecast
from parzc.learning.data import Task, split_architectures
from parzc.learning.training import Recipe, train_predictor
from parzc.probing.table import Table
from parzc.proxy import ParametricProxy

__all__ = ["Learned"]


class Learned:
    """A predictor over encoded node tables, trained as `parzc train` does.

    Args:
        predictor: As for `parzc train`, and so are the others.
        encoding: How tables get one shape.
        loss: What is minimised, beside `anchor` and `kl_weight`.
        recipe: Other values of `parzc.learning.training.Recipe`, such as `epochs` or `validation`.

    Raises:
        TypeError: If the recipe has no such value.
    """

    fewest, most = 2, float("inf")

    def __init__(
        self,
        *,
        predictor: str | Mapping[str, Any] = "mabn",
        encoding: str | Mapping[str, Any] = "aligned",
        loss: str | Mapping[str, Any] = "diffkendall",
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        self.predictor, self.encoding = predictor, encoding
        self.loss = plugins.build("losses", loss)
        self.recipe = dataclasses.replace(Recipe(), **(recipe or {}))

    def fit(
        self,
        candidates: Candidates,
        known: Int[np.ndarray, " budget"],
        targets: Float[np.ndarray, " budget"],
        *,
        seed: int,
    ) -> None:
        """Train; see `parzc.competitor.Competitor.fit`."""
        names = [candidates.architectures[row] for row in known]
        accuracies = dict(zip(names, targets.tolist(), strict=True))
        split = split_architectures(names, len(names), self.recipe.validation, seed)
        quiet = redirect_stderr(io.StringIO())  # progress bars of many runs at a time tell nobody anything
        with tempfile.TemporaryDirectory() as folder, quiet:
            trained = train_predictor(
                [Task(candidates.require_tables(), accuracies, split)],
                self._prepare,
                loss=self.loss,
                recipe=self.recipe,
                folder=Path(folder),
                seed=seed,
            )
        self.proxy = ParametricProxy(trained.encoding, trained.predictor)

    def predict(self, candidates: Candidates) -> Forecast:
        """Score by the posterior mean."""
        scores, sd = candidates.by_table(self.proxy.predict)
        return scores, sd

    @property
    def normal(self) -> bool:
        """Whether the predictor learns normal scores."""
        name = self.predictor if isinstance(self.predictor, str) else self.predictor["name"]
        return bool(getattr(plugins.load("predictors", name), "normal", False))

    def _prepare(self, fitted: Sequence[Table]) -> tuple[Any, Any]:
        encoding = plugins.build("encodings", self.encoding)
        encoding.fit(fitted)
        facts = {"length": encoding.length, "channels": encoding.channels}
        return encoding, plugins.build("predictors", self.predictor, **facts)
