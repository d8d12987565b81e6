"""A Bayesian linear model: the baseline that every network has to beat."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from parzc.bayesian import BayesianLinear, divergence, sample_scores
from parzc.encoding import Encoding

__all__ = ["Linear"]


class Linear(nn.Module):
    """One Bayesian linear layer over all features of all positions, and the mask.

    Args:
        length: Positions of the encoding.
        channels: Features at a position.
        members: Independent members.
        prior_scale: Scale of the Gaussian prior, see `parzc.bayesian.BayesianLinear`.
    """

    def __init__(self, *, length: int, channels: int, members: int = 1, prior_scale: float = 1.0) -> None:
        super().__init__()
        self.length, self.channels, self.members, self.prior_scale = length, channels, members, prior_scale
        self.read = BayesianLinear(members, length * (channels + 1), 1, prior_scale=prior_scale)

    def configuration(self) -> dict[str, Any]:
        """Say how to build this predictor again.

        Returns:
            Arguments of the constructor, plain values.
        """
        return {key: getattr(self, key) for key in ("length", "channels", "members", "prior_scale")}

    def forward(self, encoding: Encoding) -> Float[Tensor, "members batch"]:
        """Score tables; see `parzc.predictors.mabn.MABN.forward`."""
        rows = encoding.flat().expand(self.members, -1, -1)
        scores: Float[Tensor, "members batch"] = self.read(rows).squeeze(2)
        return scores

    def sample(self, encoding: Encoding, draws: int) -> Float[Tensor, "samples batch"]:
        """Score tables with draws from the posterior."""
        return sample_scores(self, encoding, draws)

    def kl(self) -> Float[Tensor, ""]:
        """Measure how far the posterior is from the prior, in nats, averaged over members."""
        return divergence(self) / self.members
