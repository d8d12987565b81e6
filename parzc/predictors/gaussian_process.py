"""A Gaussian process with a learned prior: for very few targets."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from parzc.encoding import Encoding
from parzc.process import Features, Process, flat_features
from parzc.ranking import normal_scores

__all__ = ["GaussianProcess"]


class GaussianProcess(Process):
    r"""Prior mean and kernel are learned on whole spaces; targets then condition it in closed form.

    .. math:: f \sim N(m^\top x,\; c^2 + x^\top V x' + a^2 e^{-\sum_j (x_j - x'_j)^2 / 2 n \ell_j^2})

    of n features x. The weights m of the prior mean are what proxies are worth before any target is
    known, and V says how far a space's weights stray from them: learned on several spaces, they are a
    posterior of the weights that is the prior in the next space. All are learned by the marginal
    likelihood of small sets of architectures, such as a new space will offer.

    Args:
        length: Positions of the encoding.
        channels: Features at a position.
        mean: `rising` for a prior mean that no feature can lower, as befits proxies; `last` for one that is
            the last feature alone, say a training-free aggregate; `zero` for none.
        episode: Architectures at most in one of those small sets.
        start: Other values that the learned numbers have before anything is learned, by their names:
            logarithms of the variances `stray`, `curve`, `offset` and `noise` and of the length
            `scales`, and the weights `slope` themselves.

    Source:
        Rasmussen & Williams 2006, chapters 2 and 5; episodes as in deep kernel transfer, Patacchiola
        et al., NeurIPS 2020, without the deep kernel.
    """

    def __init__(
        self,
        *,
        length: int,
        channels: int,
        mean: Literal["rising", "last", "zero"] = "rising",
        episode: int = 50,
        start: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(length * channels)
        if episode < 2:
            raise ValueError(f"an episode should have at least 2 architectures, got {episode}.")
        self._configuration = {
            "length": length,
            "channels": channels,
            "mean": mean,
            "episode": episode,
            "start": dict(start or {}),
        }
        self.episode, self.last = episode, mean == "last"
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

    def configuration(self) -> dict[str, Any]:
        """Say how to build this predictor again.

        Returns:
            Arguments of the constructor, plain values.
        """
        return dict(self._configuration)

    @property
    def noise_level(self) -> Tensor:
        """Variance of the noise of targets that was learned."""
        return self.noise.double().exp()

    def objective(self, encoding: Encoding, targets: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
        """Measure how surprising some targets are before any is known.

        Args:
            encoding: Encoded tables of one space, in random order.
            targets: Their targets, in any unit.

        Returns:
            Negative logarithm of the marginal likelihood of the first ones, `episode` at most, in nats by
            target, but for a constant.
        """
        x, y = flat_features(encoding)[: self.episode], normal_scores(targets[: self.episode])
        factor, rest = self.noisy_factor(x), (y - self.mean_of(x))[:, None]
        surprise = torch.linalg.solve_triangular(factor, rest, upper=False).square().sum() / 2
        found: Float[Tensor, ""] = (surprise + factor.diagonal().log().sum()) / len(x)
        return found.float()

    def kl(self) -> Float[Tensor, ""]:
        """Measure how far the prior has been moved by what it was learned on.

        Returns:
            Half the squared distance of all learned numbers from where they started, in nats.
        """
        moved = [(value - self._start[name]).square().sum() for name, value in self.named_parameters()]
        return torch.stack(moved).sum() / 2

    def mean_of(self, x: Features) -> Float[Tensor, " batch"]:
        """Say what is expected of tables before any target is known."""
        if not hasattr(self, "slope"):
            return x.new_zeros(len(x))
        mean: Tensor = (x[:, -1:] if self.last else x) @ F.softplus(self.slope.double())
        return mean

    def place_of(self, x: Features) -> Float[Tensor, " batch"] | None:
        """Say where tables lie if the last feature is the prior mean."""
        return x[:, -1] if self.last else None

    def kernel(self, a: Features, b: Float[Tensor, "others features"]) -> Float[Tensor, "batch others"]:
        """Say how what is not known of tables goes together before any target is known."""
        size = a.shape[1]
        scales = self.scales.double().exp() * (2 * size) ** 0.5
        distances = torch.cdist(a / scales, b / scales, compute_mode="donot_use_mm_for_euclid_dist").square()
        linear = (a * self.stray.double().exp()) @ b.T / size
        curved: Tensor = self.curve.double().exp() * (-distances).exp()
        return self.offset.double().exp() + linear + curved

    def variance_of(self, x: Features) -> Float[Tensor, " batch"]:
        """Give the diagonal of the kernel."""
        linear = (x.square() * self.stray.double().exp()).sum(1) / x.shape[1]
        return self.offset.double().exp() + linear + self.curve.double().exp()
