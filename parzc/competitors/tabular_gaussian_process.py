"""A Gaussian process over tabular features."""

import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from parzc.competitor import Candidates, Forecast
from parzc.ranking import standard_ranks
from parzc.tabular import STANDARD, Kind, feature_matrix

__all__ = ["TabularGaussianProcess"]


class TabularGaussianProcess:
    """Exact regression with a Matérn kernel of one length scale, fitted by the marginal likelihood.

    The standard deviation is that of a new accuracy, noise included.

    Args:
        features: See `parzc.tabular.feature_matrix`; columns and proxies enter as ranks.
        length: Length scale to start from.
        noise: Variance of the noise to start from.
        most: Accuracies it takes at most, as time grows with their cube.

    Source:
        Rasmussen & Williams, 2006, by scikit-learn.
    """

    fewest, normal = 2, False

    def __init__(
        self,
        *,
        features: Sequence[Kind] = STANDARD,
        length: float = 20.0,
        noise: float = 0.05,
        most: int = 2000,
    ) -> None:
        self.features = features
        self.most = most
        self.kernel = ConstantKernel() * Matern(length, nu=2.5) + WhiteKernel(noise)

    def fit(
        self,
        candidates: Candidates,
        known: Int[np.ndarray, " budget"],
        targets: Float[np.ndarray, " budget"],
        *,
        seed: int,
    ) -> None:
        """Fit standardised ranks; see `parzc.competitor.Competitor.fit`."""
        rows = feature_matrix(candidates, self.features, ranked=True)[known]
        self.model = GaussianProcessRegressor(self.kernel, normalize_y=True, random_state=seed)
        with warnings.catch_warnings():
            # a scale at the end of its range is as good as any beyond
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.fit(rows, standard_ranks(targets))

    def predict(self, candidates: Candidates) -> Forecast:
        """Score by the posterior mean."""
        scores, sd = self.model.predict(
            feature_matrix(candidates, self.features, ranked=True), return_std=True
        )
        return scores, sd
