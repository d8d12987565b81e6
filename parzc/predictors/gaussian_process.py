"""A Gaussian process with a learned prior: for very few targets."""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from parzc.encoding import Encoding
from parzc.ranking import normal_scores

__all__ = ["GaussianProcess"]

Features = Float[Tensor, "batch features"]

_JITTER = 1e-4


class GaussianProcess(nn.Module):
    r"""Prior mean and kernel are learned on whole spaces; targets then condition it in closed form.

    .. math:: f \sim N(m^\top x,\; c^2 + x^\top V x' + a^2 e^{-\sum_j (x_j - x'_j)^2 / 2 n \ell_j^2})

    of n features x. The weights m of the prior mean are what proxies are worth before any target is
    known, and V says how far a space's weights stray from them: learned on several spaces, they are a
    posterior of the weights that is the prior in the next space. All are learned by the marginal
    likelihood of small sets of architectures, such as a new space will offer. Targets enter as normal
    scores of their ranks.

    Args:
        length: Positions of the encoding.
        channels: Features at a position.
        mean: `rising` for a prior mean that no feature can lower, as befits proxies; `zero` for none.
        episode: Architectures at most in one of those small sets.

    Source:
        Rasmussen & Williams 2006, chapters 2 and 5; episodes as in deep kernel transfer, Patacchiola
        et al., NeurIPS 2020, without the deep kernel.
    """

    normal = True  # scores are normal quantiles of ranks: what a leaderboard's calibration has to know

    inputs: Tensor
    scores: Tensor

    def __init__(
        self,
        *,
        length: int,
        channels: int,
        mean: Literal["rising", "zero"] = "rising",
        episode: int = 50,
    ) -> None:
        super().__init__()
        if episode < 2:
            raise ValueError(f"an episode should have at least 2 architectures, got {episode}.")
        self._configuration = {"length": length, "channels": channels, "mean": mean, "episode": episode}
        self.episode = episode
        features = length * channels
        start = torch.expm1(torch.tensor(0.7 / features)).log()
        if mean == "rising":
            self.slope = nn.Parameter(start.repeat(features))
        # logarithms: of the variances of slopes, of the scales, and of the other variances
        self.stray = nn.Parameter(torch.full((features,), -1.0))
        self.scales = nn.Parameter(torch.zeros(features))
        self.curve = nn.Parameter(torch.tensor(-1.5))
        self.offset = nn.Parameter(torch.tensor(-2.0))
        self.noise = nn.Parameter(torch.tensor(-1.0))
        self._start = {name: value.detach().clone() for name, value in self.named_parameters()}
        self.register_buffer("inputs", torch.zeros(0, features, dtype=torch.float64))
        self.register_buffer("scores", torch.zeros(0, dtype=torch.float64))

    def configuration(self) -> dict[str, Any]:
        """Say how to build this predictor again.

        Returns:
            Arguments of the constructor, plain values.
        """
        return dict(self._configuration)

    def forward(self, encoding: Encoding) -> Float[Tensor, "members batch"]:
        """Score tables by the posterior mean.

        Args:
            encoding: Encoded tables.

        Returns:
            One row of scores, higher is better: normal scores among the targets that condition it.
        """
        mean, _ = self._posterior(_features(encoding))
        return mean.float()[None]

    def sample(self, encoding: Encoding, draws: int) -> Float[Tensor, "samples batch"]:
        """Score tables with draws from the posterior, each table's independent of the others'.

        Args:
            encoding: Encoded tables.
            draws: How many.

        Returns:
            Scores whose spread is what is not known of them; the noise of targets is not part of it.
        """
        mean, variance = self._posterior(_features(encoding))
        return (mean + variance.sqrt() * torch.randn(draws, len(mean), dtype=mean.dtype)).float()

    def objective(self, encoding: Encoding, targets: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
        """Measure how surprising some targets are before any is known.

        Args:
            encoding: Encoded tables of one space, in random order.
            targets: Their targets, in any unit.

        Returns:
            Negative logarithm of the marginal likelihood of the first ones, `episode` at most, in nats by
            target, but for a constant.
        """
        x, y = _features(encoding)[: self.episode], normal_scores(targets[: self.episode])
        factor, rest = self._factor(x), (y - self._mean(x))[:, None]
        surprise = torch.linalg.solve_triangular(factor, rest, upper=False).square().sum() / 2
        found: Float[Tensor, ""] = (surprise + factor.diagonal().log().sum()) / len(x)
        return found.float()

    def condition(self, encoding: Encoding, targets: Float[Tensor, " batch"]) -> None:
        """Learn of targets, in the place of those known before.

        Args:
            encoding: Encoded tables.
            targets: Their targets, in any unit.
        """
        self.inputs = _features(encoding)
        self.scores = normal_scores(targets)

    def kl(self) -> Float[Tensor, ""]:
        """Measure how far the prior has been moved by what it was learned on.

        Returns:
            Half the squared distance of all learned numbers from where they started, in nats.
        """
        moved = [(value - self._start[name]).square().sum() for name, value in self.named_parameters()]
        return torch.stack(moved).sum() / 2

    def _posterior(self, x: Features) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        mean, variance = self._mean(x), self._variance(x)
        if len(self.scores):
            factor, cross = self._factor(self.inputs), self._kernel(self.inputs, x)
            half = torch.linalg.solve_triangular(factor, cross, upper=False)
            rest = (self.scores - self._mean(self.inputs))[:, None]
            mean = mean + (half * torch.linalg.solve_triangular(factor, rest, upper=False)).sum(0)
            variance = (variance - half.square().sum(0)).clamp(min=0)
        return mean, variance

    def _mean(self, x: Features) -> Float[Tensor, " batch"]:
        return x @ F.softplus(self.slope.double()) if hasattr(self, "slope") else x.new_zeros(len(x))

    def _kernel(self, a: Features, b: Float[Tensor, "others features"]) -> Float[Tensor, "batch others"]:
        size = a.shape[1]
        scales = self.scales.double().exp() * (2 * size) ** 0.5
        distances = torch.cdist(a / scales, b / scales, compute_mode="donot_use_mm_for_euclid_dist").square()
        linear = (a * self.stray.double().exp()) @ b.T / size
        return self.offset.double().exp() + linear + self.curve.double().exp() * (-distances).exp()

    def _variance(self, x: Features) -> Float[Tensor, " batch"]:
        linear = (x.square() * self.stray.double().exp()).sum(1) / x.shape[1]
        return self.offset.double().exp() + linear + self.curve.double().exp()

    def _factor(self, x: Features) -> Float[Tensor, "batch batch"]:
        noise = self.noise.double().exp() + _JITTER
        covariance = self._kernel(x, x) + noise * torch.eye(len(x), dtype=x.dtype)
        factor: Tensor = torch.linalg.cholesky(covariance)
        return factor

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """Take over the number of targets before the targets."""
        for name in ("inputs", "scores"):
            stored = state_dict.get(prefix + name)
            if isinstance(stored, Tensor) and stored.shape[1:] == getattr(self, name).shape[1:]:
                setattr(self, name, getattr(self, name).new_zeros(stored.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _features(encoding: Encoding) -> Features:
    return (encoding.values * encoding.mask[..., None]).flatten(1).double()
