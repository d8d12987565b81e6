"""Proxies learned on other spaces: what `parzc transfer` makes."""

import copy
import dataclasses
import io
from collections.abc import Mapping
from contextlib import redirect_stderr
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from parzc import plugins
from parzc.competitor import Candidates, Forecast
from parzc.learning.data import Task, split_architectures
from parzc.learning.further import FURTHER, train_further
from parzc.learning.training import Trained
from parzc.proxy import ParametricProxy, load_proxy

__all__ = ["Transferred"]


class Transferred:
    """A proxy file of other spaces, adapted to this one: without targets, and further with some.

    The scale of the features is set anew from all candidates. A proxy that was trained on candidates
    has seen their targets: its numbers here are then none of another space.

    Args:
        proxy: The proxy file.
        loss: As for `parzc transfer`.
        recipe: Values of `parzc.learning.training.Recipe` that differ from those of `parzc transfer`.
        allow_plugins: As for `parzc.load_proxy`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be loaded.
        TypeError: If the recipe has no such value.
    """

    fewest, most = 0, float("inf")

    def __init__(
        self,
        *,
        proxy: str,
        loss: str | Mapping[str, Any] = "diffkendall",
        recipe: Mapping[str, Any] | None = None,
        allow_plugins: bool = False,
    ) -> None:
        self.source = load_proxy(proxy, allow_plugins=allow_plugins)
        self.loss = plugins.build("losses", loss)
        self.recipe = dataclasses.replace(FURTHER, **(recipe or {}))

    @property
    def normal(self) -> bool:
        """Whether the predictor learned normal scores."""
        return bool(getattr(self.source.predictor, "normal", False))

    def fit(
        self,
        candidates: Candidates,
        known: Int[np.ndarray, " budget"],
        targets: Float[np.ndarray, " budget"],
        *,
        seed: int,
    ) -> None:
        """Adapt and train further; see `parzc.competitor.Competitor.fit`."""
        encoding = copy.deepcopy(self.source.encoding)
        encoding.adapt(list({id(table): table for table in candidates.require_tables().values()}.values()))
        trained = Trained(encoding, self.source.predictor)
        if len(known):
            names = [candidates.architectures[row] for row in known]
            split = split_architectures(names, len(names), self.recipe.validation, seed)
            task = Task(candidates.tables, dict(zip(names, targets.tolist(), strict=True)), split)
            with redirect_stderr(io.StringIO()):  # progress bars of many runs at a time tell nobody anything
                trained = train_further(trained, task, loss=self.loss, recipe=self.recipe, seed=seed)
        self.proxy = ParametricProxy(trained.encoding, trained.predictor)

    def predict(self, candidates: Candidates) -> Forecast:
        """Score by the posterior mean."""
        scores, sd = candidates.by_table(self.proxy.predict)
        return scores, sd
