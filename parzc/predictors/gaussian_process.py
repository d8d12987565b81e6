"""A Gaussian process with a learned prior: for very few targets."""

import itertools
from collections.abc import Mapping
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
_FACTORS = {"mean": (0.0, 0.5, 1.0), "kernel": (0.3, 1.0, 3.0, 10.0), "noise": (0.5, 1.0, 3.0)}
_DOUBT = 0.4
"""Standard deviation of a factor's logarithm before any target is known; of the mean's factor itself."""


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
        mean: `rising` for a prior mean that no feature can lower, as befits proxies; `last` for one that is
            the last feature alone, say a training-free aggregate; `zero` for none.
        episode: Architectures at most in one of those small sets.
        start: Other values that the learned numbers have before anything is learned, by their names:
            logarithms of the variances `stray`, `curve`, `offset` and `noise` and of the length
            `scales`, and the weights `slope` themselves.
        tempered: Let targets that condition the process choose how much its prior mean, its other
            variance and its noise count, among a few factors, by the marginal likelihood and a prior that
            prefers none.

    Source:
        Rasmussen & Williams 2006, chapters 2 and 5; episodes as in deep kernel transfer, Patacchiola
        et al., NeurIPS 2020, without the deep kernel.
    """

    normal = True  # scores are normal quantiles of ranks: what a leaderboard's calibration has to know

    inputs: Tensor
    scores: Tensor
    factors: Tensor

    def __init__(
        self,
        *,
        length: int,
        channels: int,
        mean: Literal["rising", "last", "zero"] = "rising",
        episode: int = 50,
        start: Mapping[str, float] | None = None,
        tempered: bool = False,
    ) -> None:
        super().__init__()
        if episode < 2:
            raise ValueError(f"an episode should have at least 2 architectures, got {episode}.")
        self._configuration = {
            "length": length,
            "channels": channels,
            "mean": mean,
            "episode": episode,
            "start": dict(start or {}),
            "tempered": tempered,
        }
        self.episode, self.tempered, self.last = episode, tempered, mean == "last"
        features = length * channels
        if mean != "zero":
            slopes = 1 if self.last else features
            self.slope = nn.Parameter(torch.expm1(torch.tensor(0.7 / slopes)).log().repeat(slopes))
        # logarithms: of the variances of slopes, of the scales, and of the other variances
        self.stray = nn.Parameter(torch.full((features,), -1.0))
        self.scales = nn.Parameter(torch.zeros(features))
        self.curve = nn.Parameter(torch.tensor(-1.5))
        self.offset = nn.Parameter(torch.tensor(-2.0))
        self.noise = nn.Parameter(torch.tensor(-1.0))
        for name, value in (start or {}).items():
            if name not in dict(self.named_parameters()):
                raise ValueError(
                    f"start should name some of {', '.join(dict(self.named_parameters()))}, got {name}."
                )
            slope = name == "slope"
            getattr(self, name).data.fill_(torch.tensor(value).expm1().log() if slope else value)
        self._start = {name: value.detach().clone() for name, value in self.named_parameters()}
        self.register_buffer("inputs", torch.zeros(0, features, dtype=torch.float64))
        self.register_buffer("scores", torch.zeros(0, dtype=torch.float64))
        # files made before there were any have none
        self.register_buffer("factors", torch.ones(3, dtype=torch.float64), persistent=tempered)

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

    def covariance(self, encoding: Encoding) -> Float[Tensor, "batch batch"]:
        """Say how what is not known of one table goes with that of another.

        Args:
            encoding: Encoded tables.

        Returns:
            The posterior covariance of their scores; the noise of targets is not part of it.
        """
        x = _features(encoding)
        covariance = self._kernel(x, x)
        if len(self.scores):
            cross = self._kernel(self.inputs, x)
            half = torch.linalg.solve_triangular(self._factor(self.inputs), cross, upper=False)
            covariance = covariance - half.mT @ half
        return covariance

    @property
    def noise_variance(self) -> float:
        """Variance of a target's normal score about the table's."""
        return float(self.factors[2] * self.noise.detach().double().exp()) + _JITTER

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
        if self.tempered:
            with torch.no_grad():
                self.factors = self._choose_factors()

    def deviation(self, encoding: Encoding) -> Float[Tensor, " batch"]:
        """Say how far the normal scores of new targets may lie from the posterior mean.

        Args:
            encoding: Encoded tables.

        Returns:
            Standard deviations, noise included.
        """
        _, variance = self._posterior(_features(encoding))
        return (variance + self.factors[2] * self.noise.double().exp()).sqrt()

    def left_out(self) -> Float[Tensor, " batch"]:
        """Score each of the targets that condition the process from the others.

        Returns:
            Posterior means without the target itself, in closed form.
        """
        inverse = torch.cholesky_inverse(self._factor(self.inputs))
        rest = inverse @ (self.scores - self._mean(self.inputs))
        return self.scores - rest / inverse.diagonal()

    def deviation_left_out(self) -> Float[Tensor, " batch"]:
        """Say how far each of the targets may lie from what the others say of it.

        Returns:
            Standard deviations, noise included.
        """
        return torch.cholesky_inverse(self._factor(self.inputs)).diagonal().rsqrt()

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

    def _choose_factors(self) -> Float[Tensor, " factors"]:
        """Find the factors that are most probable given the targets."""
        self.factors = torch.ones_like(self.factors)
        mean, kernel = self._mean(self.inputs), self._kernel(self.inputs, self.inputs)
        unit = torch.eye(len(kernel), dtype=kernel.dtype)
        shares = torch.tensor(_FACTORS["mean"], dtype=kernel.dtype)
        rests = self.scores[:, None] - mean[:, None] * shares
        doubts = ((shares - 1) / _DOUBT).square() / 2
        best, found = float("inf"), (1.0, 1.0, 1.0)
        for more, noise in itertools.product(_FACTORS["kernel"], _FACTORS["noise"]):
            factor = torch.linalg.cholesky(
                more * kernel + (noise * self.noise.double().exp() + _JITTER) * unit
            )
            surprise = torch.linalg.solve_triangular(factor, rests, upper=False).square().sum(0) / 2
            doubt = torch.tensor([more, noise]).log().div(_DOUBT).square().sum() / 2
            total = surprise + doubts + factor.diagonal().log().sum() + doubt
            if total.min() < best:
                best, found = float(total.min()), (float(shares[total.argmin()]), more, noise)
        return torch.tensor(found, dtype=torch.float64)

    def _mean(self, x: Features) -> Float[Tensor, " batch"]:
        if not hasattr(self, "slope"):
            return x.new_zeros(len(x))
        slopes = F.softplus(self.slope.double()) * self.factors[0]
        return x[:, -1] * slopes if self.last else x @ slopes

    def _kernel(self, a: Features, b: Float[Tensor, "others features"]) -> Float[Tensor, "batch others"]:
        size = a.shape[1]
        scales = self.scales.double().exp() * (2 * size) ** 0.5
        distances = torch.cdist(a / scales, b / scales, compute_mode="donot_use_mm_for_euclid_dist").square()
        linear = (a * self.stray.double().exp()) @ b.T / size
        curved = self.curve.double().exp() * (-distances).exp()
        return self.factors[1] * (self.offset.double().exp() + linear + curved)

    def _variance(self, x: Features) -> Float[Tensor, " batch"]:
        linear = (x.square() * self.stray.double().exp()).sum(1) / x.shape[1]
        return self.factors[1] * (self.offset.double().exp() + linear + self.curve.double().exp())

    def _factor(self, x: Features) -> Float[Tensor, "batch batch"]:
        noise = self.factors[2] * self.noise.double().exp() + _JITTER
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
