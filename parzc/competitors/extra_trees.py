"""Extremely randomised trees over tabular features."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from sklearn.ensemble import ExtraTreesRegressor

from parzc.competitor import Candidates, Forecast
from parzc.ranking import standard_ranks
from parzc.tabular import STANDARD, Kind, feature_matrix

__all__ = ["ExtraTrees"]


class ExtraTrees:
    """Regression trees with random thresholds; their spread is the standard deviation.

    Args:
        features: See `parzc.tabular.feature_matrix`.
        trees: How many.
        max_features: Share of the features that a split chooses from.

    Source:
        Geurts, Ernst & Wehenkel, Machine Learning 2006, by scikit-learn.
    """

    fewest, most, normal = 2, float("inf"), False

    def __init__(
        self, *, features: Sequence[Kind] = STANDARD, trees: int = 500, max_features: float = 1.0
    ) -> None:
        self.features = features
        self.options = {"n_estimators": trees, "max_features": max_features}

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
        self.model = ExtraTreesRegressor(**self.options, random_state=seed)
        self.model.fit(rows, standard_ranks(targets))

    def predict(self, candidates: Candidates) -> Forecast:
        """Score by the mean of the trees."""
        rows = feature_matrix(candidates, self.features).astype(np.float32)
        trees = np.stack([tree.predict(rows) for tree in self.model.estimators_])
        return trees.mean(0), trees.std(0)
