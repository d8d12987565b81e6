"""The tabular anchor: three plain predictors, averaged."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from parzc import plugins
from parzc.competitor import Candidates, Competitor, Forecast
from parzc.tabular import STANDARD, Kind

__all__ = ["Tabular"]


class Tabular:
    """The mean of a random forest, boosted trees and a Gaussian process.

    Beyond the number of accuracies that the Gaussian process takes, it is left out.

    Args:
        features: See `parzc.tabular.feature_matrix`.
        members: Competitors to average.

    Raises:
        ImportError: If xgboost is not installed.

    Source:
        The recipe behind the strongest plain results known on NAS-Bench-201: features after
        Kadlecová et al., ICML 2024 (GRAF), and the values of Krishnakumar et al., NeurIPS 2022
        (NAS-Bench-Suite-Zero) as `columns`.
    """

    fewest, most, normal = 2, float("inf"), False

    def __init__(
        self,
        *,
        features: Sequence[Kind] = STANDARD,
        members: Sequence[str] = ("random_forest", "boosted_trees", "tabular_gaussian_process"),
    ) -> None:
        self.members: list[Competitor] = [
            plugins.build("competitors", {"name": name, "features": features}) for name in members
        ]
        self.fitted: list[Competitor] = []

    def fit(
        self,
        candidates: Candidates,
        known: Int[np.ndarray, " budget"],
        targets: Float[np.ndarray, " budget"],
        *,
        seed: int,
    ) -> None:
        """Fit each member; see `parzc.competitor.Competitor.fit`."""
        self.fitted = [member for member in self.members if len(known) <= member.most]
        for member in self.fitted:
            member.fit(candidates, known, targets, seed=seed)

    def predict(self, candidates: Candidates) -> Forecast:
        """Score by the mean of the members, without a standard deviation."""
        scores = np.stack([member.predict(candidates)[0] for member in self.fitted])
        return scores.mean(0), np.zeros(len(candidates))
