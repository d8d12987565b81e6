"""A plain network over all features: MABN without segments and mixing."""

from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from parzc.bayesian import BayesianLinear, MemberLinear, divergence, sample_scores
from parzc.encoding import Encoding

__all__ = ["MLP"]


class MLP(nn.Module):
    """A Bayesian linear layer over all positions, hidden layers, and a Bayesian linear layer.

    Args:
        length: Positions of the encoding.
        channels: Features at a position.
        width: Units of each hidden layer.
        layers: Hidden layers, the Bayesian one included.
        members: Independent members.
        dropout: Probability of leaving out a hidden unit.
        prior_scale: Scale of the Gaussian prior, see `parzc.bayesian.BayesianLinear`.
    """

    def __init__(
        self,
        *,
        length: int,
        channels: int,
        width: int = 64,
        layers: int = 2,
        members: int = 4,
        dropout: float = 0.1,
        prior_scale: float = 1.0,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers should be at least 1, got {layers}.")
        self._configuration = {
            "length": length,
            "channels": channels,
            "width": width,
            "layers": layers,
            "members": members,
            "dropout": dropout,
            "prior_scale": prior_scale,
        }
        self.members = members
        self.embed = BayesianLinear(members, length * (channels + 1), width, prior_scale=prior_scale)
        self.hidden = nn.ModuleList(MemberLinear(members, width, width) for _ in range(layers - 1))
        self.dropout = nn.Dropout(dropout)
        self.read = BayesianLinear(members, width, 1, prior_scale=prior_scale)

    def configuration(self) -> dict[str, Any]:
        """Say how to build this predictor again.

        Returns:
            Arguments of the constructor, plain values.
        """
        return dict(self._configuration)

    def forward(self, encoding: Encoding) -> Float[Tensor, "members batch"]:
        """Score tables; see `parzc.predictors.mabn.MABN.forward`."""
        hidden = self.embed(encoding.flat().expand(self.members, -1, -1))
        for layer in self.hidden:
            hidden = layer(self.dropout(F.gelu(hidden)))
        scores: Float[Tensor, "members batch"] = self.read(self.dropout(F.gelu(hidden))).squeeze(2)
        return scores

    def sample(self, encoding: Encoding, draws: int) -> Float[Tensor, "samples batch"]:
        """Score tables with draws from the posterior."""
        return sample_scores(self, encoding, draws)

    def kl(self) -> Float[Tensor, ""]:
        """Measure how far the posterior is from the prior, in nats, averaged over members."""
        return divergence(self) / self.members
