"""A random forest over tabular features."""

from collections.abc import Sequence

from sklearn.ensemble import RandomForestRegressor

from parzc.tabular import STANDARD, Kind
from parzc.trees import TreeEnsemble

__all__ = ["RandomForest"]


class RandomForest(TreeEnsemble):
    """Regression trees on bootstrap samples; the spread of the trees is the standard deviation.

    Args:
        features: See `parzc.tabular.feature_matrix`.
        trees: How many.
        max_features: Share of the features that a split chooses from.

    Source:
        Breiman, Machine Learning 2001, by scikit-learn.
    """

    regressor = RandomForestRegressor

    def __init__(
        self, *, features: Sequence[Kind] = STANDARD, trees: int = 300, max_features: float = 0.33
    ) -> None:
        super().__init__(features, n_estimators=trees, max_features=max_features)
