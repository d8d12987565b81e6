"""Gradient-boosted trees over tabular features."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from parzc.competitor import Candidates, Forecast
from parzc.ranking import standard_ranks
from parzc.tabular import STANDARD, Kind, feature_matrix

__all__ = ["BoostedTrees"]


class BoostedTrees:
    """XGBoost, which has to be installed: `pip install 'parzc[xgboost]'`.

    Args:
        features: See `parzc.tabular.feature_matrix`.
        trees: How many.
        learning_rate: Weight of each tree.
        max_depth: Splits from root to leaf at most.
        subsample: Share of the architectures that a tree sees.
        colsample: Share of the features that a tree sees.

    Raises:
        ImportError: If xgboost is not installed.

    Source:
        Chen & Guestrin, KDD 2016, by xgboost.
    """

    fewest, most, normal = 2, float("inf"), False

    def __init__(
        self,
        *,
        features: Sequence[Kind] = STANDARD,
        trees: int = 600,
        learning_rate: float = 0.03,
        max_depth: int = 4,
        subsample: float = 0.7,
        colsample: float = 0.3,
    ) -> None:
        try:
            from xgboost import XGBRegressor
        except ImportError as error:
            raise ImportError(
                "boosted trees need xgboost, which is not installed; say pip install 'parzc[xgboost]'."
            ) from error
        self.features = features
        self.make = XGBRegressor
        self.options = {
            "n_estimators": trees,
            "learning_rate": learning_rate,
            "max_depth": max_depth,
            "subsample": subsample,
            "colsample_bytree": colsample,
        }

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
        self.model = self.make(**self.options, random_state=seed, n_jobs=1)
        self.model.fit(rows, standard_ranks(targets))

    def predict(self, candidates: Candidates) -> Forecast:
        """Score by the sum of the trees, without a standard deviation."""
        scores = self.model.predict(feature_matrix(candidates, self.features))
        return scores.astype(float), np.zeros(len(candidates))
