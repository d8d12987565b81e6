"""A mixer over nodes, and a process and trees over the network as a whole, weighed by the targets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from parzc import plugins
from parzc.encoding import Encoding
from parzc.ranking import normal_scores

__all__ = ["Committee"]

Spec = str | Mapping[str, Any]

_PROCESS = {
    "name": "gaussian_process",
    "mean": "last",
    "tempered": True,
    "start": {"slope": 0.9, "stray": -20.0, "curve": -3.0, "scales": 0.0, "offset": -4.0, "noise": -2.3},
}
_FOLDS = 5
_TRUST = 2.0
"""Squared distance between two opinions, summed over targets, that the second must outweigh to count half."""
_SURE = 5.0
"""Targets that the process's own standard deviations count for."""


class Committee(nn.Module):
    r"""What a prior says at first, and more and more what targets teach.

    .. math:: s = (1 - w)\, g + w\, \tfrac12 (e + m)

    g is a Gaussian process whose prior mean is a training-free aggregate, e the mean of trees, and m a mixer
    over the nodes, each in normal scores. The weight w is a ridge regression of the targets on what process
    and trees say of them unseen (left out one by one, and in five folds): near 0 with a handful of
    targets, near 1 with hundreds. Only the mixer is trained by gradients; in training mode it speaks alone.

    The predictive deviation is that of the process, noise included, times a factor that makes it fit
    the residuals of unseen targets.

    Args:
        length: Positions of the encoding.
        channels: Features at a position.
        layout: Positions and channels of the two parts that `parzc.encodings.joined` joins: nodes for
            the mixer, then the network as a whole for the others; None if the last position is the
            network as a whole and the mixer reads all.
        mixer: A predictor that is trained; None for none.
        trees: A predictor that targets condition; None for none.
        process: A predictor that targets condition and that can leave one out.

    Source:
        None as a whole. Weights by left-out predictions are stacking (Wolpert 1992; Breiman 1996).
    """

    normal = True  # scores are normal quantiles of ranks

    weight: Tensor
    factor: Tensor

    def __init__(
        self,
        *,
        length: int,
        channels: int,
        layout: Sequence[Sequence[int]] | None = None,
        mixer: Spec | None = "mabn",
        trees: Spec | None = "trees",
        process: Spec = _PROCESS,
    ) -> None:
        super().__init__()
        parts = layout or [(length, channels), (1, channels)]
        if layout and [sum(part[0] for part in parts), max(part[1] for part in parts)] != [length, channels]:
            raise ValueError(
                f"layout should cover {length} positions of {channels} channels, got {layout}; the"
                " encoding should be `joined` of nodes and the network as a whole."
            )
        (nodes, width), (whole, features) = parts
        self._configuration = {
            "length": length,
            "channels": channels,
            "layout": layout and [list(part) for part in layout],
        }
        self._specs = {"mixer": mixer, "trees": trees, "process": process}
        self.layout = (nodes, width), (whole, features)
        self.mixer = None if mixer is None else _build(mixer, nodes, width)
        self.trees = None if trees is None else _build(trees, whole, features)
        self.process = _build(process, whole, features).requires_grad_(False)
        self.register_buffer("weight", torch.zeros((), dtype=torch.float64))
        self.register_buffer("factor", torch.ones((), dtype=torch.float64))

    def configuration(self) -> dict[str, Any]:
        """Say how to build this predictor again.

        Returns:
            Arguments of the constructor, plain values.
        """
        members = {role: spec and _named(spec) for role, spec in self._specs.items()}
        return {**self._configuration, **members}

    def forward(self, encoding: Encoding) -> Float[Tensor, "members batch"]:
        """Score tables.

        Args:
            encoding: Encoded tables.

        Returns:
            One row of normal scores, higher is better; in training mode what the mixer says.
        """
        nodes, network = self._parts(encoding)
        if self.training and self.mixer is not None:
            spoken: Tensor = self.mixer(nodes)
            return spoken
        process = self.process(network).mean(0).double()
        taught = [] if self.trees is None else [self.trees(network).mean(0).double()]
        if self.mixer is not None:
            taught.append(_normal(self.mixer(nodes).mean(0).double()))
        if taught and self.weight:
            process = (1 - self.weight) * process + self.weight * torch.stack(taught).mean(0)
        return process.float()[None]

    def sample(self, encoding: Encoding, draws: int) -> Float[Tensor, "samples batch"]:
        """Draw what the ranks of new targets may be, each table's independent of the others'.

        Args:
            encoding: Encoded tables.
            draws: How many.

        Returns:
            Normal scores; the noise of targets is part of their spread.
        """
        mean, sd = self(encoding)[0], self._deviation(self._parts(encoding)[1]).float()
        return mean + sd * torch.randn(draws, len(mean))

    def covariance(self, encoding: Encoding) -> Float[Tensor, "batch batch"]:
        """Say what the process does not know of several tables together, without the noise of targets."""
        found: Tensor = self.process.covariance(self._parts(encoding)[1])
        return found * self.factor.square()

    def condition(self, encoding: Encoding, targets: Float[Tensor, " batch"]) -> None:
        """Learn of targets, in the place of those known before.

        Args:
            encoding: Encoded tables.
            targets: Their targets, in any unit.
        """
        _, network = self._parts(encoding)
        scores = normal_scores(targets)
        self.process.condition(network, targets)
        unseen = self.process.left_out()
        if self.trees is not None:
            taught = self._folds(network, targets)
            away, rest = taught - unseen, scores - unseen
            self.weight = ((away @ rest) / (away @ away + _TRUST)).clamp(0, 1)
            unseen = unseen + self.weight * away
            self.trees.condition(network, targets)
        elif self.mixer is not None:
            self.weight = torch.tensor(len(scores) / (len(scores) + 50.0), dtype=torch.float64)
        self.factor = torch.ones_like(self.factor)
        surprise = ((scores - unseen) / self._deviation(network)).square()
        self.factor = ((surprise.sum() + _SURE) / (len(scores) + _SURE)).sqrt()

    def kl(self) -> Float[Tensor, ""]:
        """Measure how far the mixer's posterior is from its prior, in nats."""
        own: Tensor = torch.zeros(()) if self.mixer is None else self.mixer.kl()
        return own

    def _deviation(self, network: Encoding) -> Float[Tensor, " batch"]:
        deviation: Tensor = self.process.deviation(network)
        return deviation * self.factor

    def _folds(self, network: Encoding, targets: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Let trees say of each fold what the others teach."""
        said = torch.zeros(len(targets), dtype=torch.float64)
        fold_of = np.arange(len(targets)) % _FOLDS
        for fold in range(min(_FOLDS, len(targets))):
            kept, out = (
                torch.from_numpy(np.flatnonzero(part)) for part in (fold_of != fold, fold_of == fold)
            )
            self.trees.condition(network[kept], targets[kept])
            said[out] = self.trees(network[out]).mean(0).double()
        return said

    def _parts(self, encoding: Encoding) -> tuple[Encoding, Encoding]:
        (nodes, width), (whole, features) = self.layout
        first = Encoding(encoding.values[:, :nodes, :width], encoding.mask[:, :nodes])
        return first, Encoding(encoding.values[:, -whole:, :features], encoding.mask[:, -whole:])


def _build(spec: Spec, length: int, channels: int) -> Any:
    return plugins.build("predictors", spec, length=length, channels=channels)


def _named(spec: Spec) -> dict[str, Any]:
    return {"name": spec} if isinstance(spec, str) else dict(spec)


def _normal(scores: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Turn standardised ranks into normal scores."""
    return torch.special.ndtri((scores / 12**0.5 + 0.5).clamp(0.001, 0.999))
