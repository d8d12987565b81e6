"""Linear layers with a distribution for every weight, and ensembles of layers trained at once."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from parzc.encoding import Encoding

__all__ = ["BayesianLinear", "MemberLinear", "divergence", "sample_scores", "weight_draws"]


class MemberLinear(nn.Module):
    """Independent linear layers of one shape, computed as one product.

    Args:
        members: How many layers.
        inputs: Width of the input.
        outputs: Width of the output.
    """

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, x: Float[Tensor, "members rows inputs"]) -> Float[Tensor, "members rows outputs"]:
        """Apply each layer to its own rows."""
        return torch.baddbmm(self.bias, x, self.weight)


class BayesianLinear(nn.Module):
    r"""Independent linear layers whose weights are independent Gaussians.

    The posterior of a weight is :math:`N(\mu, \operatorname{softplus}(\rho)^2)`, its prior
    :math:`N(0, s^2 / n)` with :math:`n` inputs and the stated scale :math:`s`, so that the prior variance
    of an output does not depend on the width. Biases are points.

    In training the outputs are sampled, not the weights (local reparameterisation: independent noise
    for each row). Otherwise the layer uses the posterior mean, or within `weight_draws` one draw of
    the weights for all rows.

    Args:
        members: How many layers.
        inputs: Width of the input.
        outputs: Width of the output.
        prior_scale: The scale :math:`s` of the prior.
        initial_scale: Standard deviation of the posterior at first, in units of the prior's.

    Source:
        Graves 2011 (mean-field Gaussian), Kingma, Salimans & Welling 2015 (local
        reparameterisation). Deviation from Dong et al., AAAI 2025: a prior and its divergence, and no
        noise at inference unless asked for.
    """

    def __init__(
        self,
        members: int,
        inputs: int,
        outputs: int,
        *,
        prior_scale: float = 1.0,
        initial_scale: float = 0.1,
    ) -> None:
        super().__init__()
        if prior_scale <= 0 or initial_scale <= 0:
            raise ValueError(
                f"prior_scale and initial_scale should be positive, got {prior_scale} and {initial_scale}."
            )
        self.prior_deviation = prior_scale / math.sqrt(inputs)
        rho = math.log(math.expm1(initial_scale * self.prior_deviation))
        bound = 1 / math.sqrt(inputs)
        self.mu = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.rho = nn.Parameter(torch.full((members, inputs, outputs), rho))
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))
        self.drawn: Tensor | None = None

    @property
    def weight(self) -> Float[Tensor, "members inputs outputs"]:
        """The posterior mean, or within `weight_draws` the draw."""
        return self.mu if self.drawn is None else self.drawn

    @property
    def deviation(self) -> Float[Tensor, "members inputs outputs"]:
        """Standard deviation of each weight's posterior."""
        return F.softplus(self.rho)

    def forward(self, x: Float[Tensor, "members rows inputs"]) -> Float[Tensor, "members rows outputs"]:
        """Apply each layer to its own rows.

        Args:
            x: Rows for each member.

        Returns:
            Sampled outputs in training, else those of the posterior mean or of the weights drawn.
        """
        mean = torch.baddbmm(self.bias, x, self.weight)
        if not self.training:
            return mean
        variance = torch.bmm(x.square(), self.deviation.square())
        # the floor keeps the gradient of the root finite where a row is all zeros
        return mean + (variance + 1e-12).sqrt() * torch.randn_like(mean)

    def divergence(self) -> Float[Tensor, ""]:
        """Measure how far the posterior is from the prior.

        Returns:
            Kullback-Leibler divergence KL(posterior || prior) in nats, summed over all weights.
        """
        ratio = (self.deviation / self.prior_deviation).square()
        shift = (self.mu / self.prior_deviation).square()
        return 0.5 * (ratio + shift - 1 - ratio.log()).sum()


def divergence(module: nn.Module) -> Float[Tensor, ""]:
    """Sum the divergence of all Bayesian layers.

    Args:
        module: A network.

    Returns:
        Nats; 0 if there is no Bayesian layer.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, BayesianLinear)]
    return torch.stack([layer.divergence() for layer in layers]).sum() if layers else torch.zeros(())


@contextmanager
def weight_draws(module: nn.Module) -> Iterator[None]:
    """Hold one draw of all Bayesian weights for the block.

    Draws come from torch's global random state.

    Args:
        module: A network in evaluation mode.

    Yields:
        Nothing.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, BayesianLinear)]
    try:
        for layer in layers:
            layer.drawn = torch.normal(layer.mu.detach(), layer.deviation.detach())
        yield
    finally:
        for layer in layers:
            layer.drawn = None


def sample_scores(predictor: nn.Module, encoding: Encoding, draws: int) -> Float[Tensor, "samples batch"]:
    """Score tables with draws from a predictor's posterior.

    Args:
        predictor: A predictor in evaluation mode.
        encoding: Encoded tables.
        draws: Draws of the weights for each member.

    Returns:
        `draws` times the number of members scores a table, whose spread is the predictor's uncertainty.
    """
    samples = []
    for _ in range(draws):
        with weight_draws(predictor):
            samples.append(predictor(encoding))
    return torch.cat(samples)
