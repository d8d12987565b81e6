"""Extremely randomised trees over tabular features."""

from collections.abc import Sequence

from sklearn.ensemble import ExtraTreesRegressor

from parzc.tabular import STANDARD, Kind
from parzc.trees import TreeEnsemble

__all__ = ["ExtraTrees"]


class ExtraTrees(TreeEnsemble):
    """Regression trees with random thresholds; their spread is the standard deviation.

    Args:
        features: See `parzc.tabular.feature_matrix`.
        trees: How many.
        max_features: Share of the features that a split chooses from.

    Source:
        Geurts, Ernst & Wehenkel, Machine Learning 2006, by scikit-learn.
    """

    regressor = ExtraTreesRegressor

    def __init__(
        self, *, features: Sequence[Kind] = STANDARD, trees: int = 500, max_features: float = 1.0
    ) -> None:
        super().__init__(features, n_estimators=trees, max_features=max_features)
