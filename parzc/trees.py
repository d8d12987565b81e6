"""Ensembles of regression trees over tabular features."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from parzc.competitor import Candidates, Forecast
from parzc.ranking import standard_ranks
from parzc.tabular import Kind, feature_matrix

__all__ = ["TreeEnsemble"]


class TreeEnsemble:
    """Trees whose mean is the score and whose spread is the standard deviation.

    Args:
        features: See `parzc.tabular.feature_matrix`.
        options: Of the regressor.

    Attributes:
        regressor: The class of scikit-learn.
    """

    regressor: ClassVar[Any]
    fewest, most, normal = 2, float("inf"), False

    def __init__(self, features: Sequence[Kind], **options: int | float) -> None:
        self.features = features
        self.options = options

    def fit(
        self,
        candidates: Candidates,
        known: Int[np.ndarray, " budget"],
        targets: Float[np.ndarray, " budget"],
        *,
        seed: int,
    ) -> None:
        """Fit standardised ranks; see `parzc.competitor.Competitor.fit`."""
        rows = feature_matrix(candidates, self.features)[known]
        self.model = self.regressor(**self.options, random_state=seed)
        self.model.fit(rows, standard_ranks(targets))

    def predict(self, candidates: Candidates) -> Forecast:
        """Score by the mean of the trees."""
        rows = feature_matrix(candidates, self.features).astype(np.float32)
        trees = np.stack([tree.predict(rows) for tree in self.model.estimators_])
        return trees.mean(0), trees.std(0)
