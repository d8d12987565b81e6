"""Gaussian processes over encoded tables: what any mean and any kernel have in common."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from parzc.encoding import Encoding
from parzc.ranking import normal_scores

__all__ = ["Features", "Process", "flat_features"]

Features = Float[Tensor, "batch features"]

_JITTER = 1e-4
"""Variance that is added to every process's noise, so that equal tables do no harm."""
_PLACED = 8.0
"""Targets at which their own ranks and a proxy say as much of where they lie."""


class Process(nn.Module, ABC):
    r"""A Gaussian process that targets condition in closed form.

    A subclass gives the mean, the kernel and the noise; targets enter as normal scores of their ranks. The
    factor of the targets' covariance is kept from one scoring to the next, until targets change.

    Normal scores of a handful of targets say nothing of where these lie among all architectures: eight
    good ones look like eight of any kind, and seem to contradict a proxy that calls them all good. Where
    a subclass knows of such a proxy z (`place_of`), what enters for rank i of n is
    :math:`(1 - w)\, y_i + w\, z_{(i)}`, with its values in order and w = 8 / (8 + n). What is predicted is
    on the scale of the normal scores all the same, by their mean and standard deviation.

    Source:
        Rasmussen & Williams 2006, chapters 2 and 5.
    """

    normal = True  # scores are normal quantiles of ranks: what a leaderboard's calibration has to know

    inputs: Tensor
    scores: Tensor
    middle: Tensor
    width: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("inputs", torch.zeros(0, features, dtype=torch.float64))
        self.register_buffer("scores", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("middle", torch.zeros((), dtype=torch.float64))
        self.register_buffer("width", torch.ones((), dtype=torch.float64))
        self._known: Tensor | None = None

    @abstractmethod
    def mean_of(self, x: Features) -> Float[Tensor, " batch"]:
        """Say what is expected of tables before any target is known."""

    def place_of(self, x: Features) -> Float[Tensor, " batch"] | None:
        """Say where among all architectures tables lie, in normal scores; None if nothing says so."""
        return None

    @abstractmethod
    def kernel(self, a: Features, b: Float[Tensor, "others features"]) -> Float[Tensor, "batch others"]:
        """Say how what is not known of tables goes together before any target is known."""

    @abstractmethod
    def variance_of(self, x: Features) -> Float[Tensor, " batch"]:
        """Give the diagonal of the kernel."""

    @property
    @abstractmethod
    def noise_level(self) -> Tensor:
        """Variance of the noise of targets that the process was made with or has learned."""

    @property
    def noise_variance(self) -> float:
        """Variance of a target's normal score about the table's."""
        return float((self.noise_level.detach() + _JITTER) / self.width.square())

    def forward(self, encoding: Encoding) -> Float[Tensor, "members batch"]:
        """Score tables by the posterior mean.

        Args:
            encoding: Encoded tables.

        Returns:
            One row of scores, higher is better: normal scores among the targets that condition it.
        """
        mean, _ = self._posterior(flat_features(encoding))
        return self._on_scale(mean).float()[None]

    def sample(self, encoding: Encoding, draws: int) -> Float[Tensor, "samples batch"]:
        """Score tables with draws from the posterior, each table's independent of the others'.

        Args:
            encoding: Encoded tables.
            draws: How many.

        Returns:
            Scores whose spread is what is not known of them; the noise of targets is not part of it.
        """
        mean, variance = self._posterior(flat_features(encoding))
        drawn = mean + variance.sqrt() * torch.randn(draws, len(mean), dtype=mean.dtype)
        return self._on_scale(drawn).float()

    def covariance(self, encoding: Encoding) -> Float[Tensor, "batch batch"]:
        """Say how what is not known of one table goes with that of another.

        Args:
            encoding: Encoded tables.

        Returns:
            The posterior covariance of their scores; the noise of targets is not part of it.
        """
        x = flat_features(encoding)
        covariance = self.kernel(x, x)
        if len(self.scores):
            half = torch.linalg.solve_triangular(self._factor(), self.kernel(self.inputs, x), upper=False)
            covariance = covariance - half.mT @ half
        return covariance / self.width.square()

    def condition(self, encoding: Encoding, targets: Float[Tensor, " batch"]) -> None:
        """Learn of targets, in the place of those known before.

        Args:
            encoding: Encoded tables.
            targets: Their targets, in any unit.
        """
        self.inputs, self.scores = flat_features(encoding), normal_scores(targets)
        self.middle, self.width = torch.zeros_like(self.middle), torch.ones_like(self.width)
        self._known = None
        if (where := self.place_of(self.inputs)) is not None and len(torch.unique(self.scores)) > 1:
            share, before = _PLACED / (_PLACED + len(where)), self.scores
            self.scores = (1 - share) * before + share * _in_order(where, before)
            self.middle, self.width = self.scores.mean(), self.scores.std() / before.std()

    def deviation(self, encoding: Encoding) -> Float[Tensor, " batch"]:
        """Say how far the normal scores of new targets may lie from the posterior mean.

        Args:
            encoding: Encoded tables.

        Returns:
            Standard deviations, noise included.
        """
        _, variance = self._posterior(flat_features(encoding))
        return (variance + self.noise_level + _JITTER).sqrt() / self.width

    def left_out(self) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Score each of the targets that condition the process from the others.

        Returns:
            Posterior means without the target itself, in closed form, and standard deviations, noise
            included.
        """
        inverse = torch.cholesky_inverse(self._factor())
        rest = inverse @ (self.scores - self.mean_of(self.inputs))
        means = self._on_scale(self.scores - rest / inverse.diagonal())
        return means, inverse.diagonal().rsqrt() / self.width

    def noisy_factor(self, x: Features) -> Float[Tensor, "batch batch"]:
        """Factorise what targets of tables vary by together, noise included.

        Returns:
            The lower Cholesky factor.
        """
        covariance = self.kernel(x, x) + (self.noise_level + _JITTER) * torch.eye(len(x), dtype=x.dtype)
        factor: Tensor = torch.linalg.cholesky(covariance)
        return factor

    def _on_scale(self, placed: Tensor) -> Tensor:
        return (placed - self.middle) / self.width

    def _factor(self) -> Float[Tensor, "batch batch"]:
        if torch.is_grad_enabled():  # what it depends on may be about to change
            return self.noisy_factor(self.inputs)
        if self._known is None:
            self._known = self.noisy_factor(self.inputs)
        return self._known

    def _posterior(self, x: Features) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        mean, variance = self.mean_of(x), self.variance_of(x)
        if len(self.scores):
            factor = self._factor()
            half = torch.linalg.solve_triangular(factor, self.kernel(self.inputs, x), upper=False)
            rest = (self.scores - self.mean_of(self.inputs))[:, None]
            mean = mean + (half * torch.linalg.solve_triangular(factor, rest, upper=False)).sum(0)
            variance = (variance - half.square().sum(0)).clamp(min=0)
        return mean, variance

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """Take over the number of targets before the targets."""
        self._known = None
        for name in ("inputs", "scores"):
            stored = state_dict.get(prefix + name)
            if isinstance(stored, Tensor) and stored.shape[1:] == getattr(self, name).shape[1:]:
                setattr(self, name, getattr(self, name).new_zeros(stored.shape))
        # files made before targets were placed lack these
        state_dict.setdefault(f"{prefix}middle", torch.zeros_like(self.middle))
        state_dict.setdefault(f"{prefix}width", torch.ones_like(self.width))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def flat_features(encoding: Encoding) -> Features:
    """Lay the live features of encoded tables side by side, at double precision."""
    return (encoding.values * encoding.mask[..., None]).flatten(1).double()


def _in_order(values: Float[Tensor, " batch"], scores: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Hand out the values in the order of the scores; equal scores get the mean of theirs."""
    _, place, counts = torch.unique(scores, return_inverse=True, return_counts=True)
    sums = values.new_zeros(len(counts)).index_add(0, place[scores.argsort()], values.sort().values)
    handed: Tensor = (sums / counts)[place]
    return handed
