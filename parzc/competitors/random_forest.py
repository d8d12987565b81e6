"""A random forest over tabular features."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from sklearn.ensemble import RandomForestRegressor

from parzc.competitor import Candidates, Forecast
from parzc.ranking import standard_ranks
from parzc.tabular import STANDARD, Kind, feature_matrix

__all__ = ["RandomForest"]


class RandomForest:
    """Regression trees on bootstrap samples; the spread of the trees is the standard deviation.

    Args:
        features: See `parzc.tabular.feature_matrix`.
        trees: How many.
        max_features: Share of the features that a split chooses from.

    Source:
        Breiman, Machine Learning 2001, by scikit-learn.
    """

    fewest, most, normal = 2, float("inf"), False

    def __init__(
        self, *, features: Sequence[Kind] = STANDARD, trees: int = 300, max_features: float = 0.33
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
        self.model = RandomForestRegressor(**self.options, random_state=seed)
        self.model.fit(rows, standard_ranks(targets))

    def predict(self, candidates: Candidates) -> Forecast:
        """Score by the mean of the trees."""
        rows = feature_matrix(candidates, self.features).astype(np.float32)
        trees = np.stack([tree.predict(rows) for tree in self.model.estimators_])
        return trees.mean(0), trees.std(0)
