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

_FOLDS = 5
_TRUST = 2.0
"""Squared distance between process and trees, summed over targets, up to which the process is believed."""
_LEAST = 1 / 3
"""Least weight of what is taught: opinions that err differently are better together."""
_HALF = 16.0
"""Targets at which the weight counts half."""
_AGAIN = 0.02
"""Least variance: what two trainings of one network differ by, on benchmarks that repeat them."""
_SURE = 5.0
"""Targets that the process's own standard deviations count for."""


class Committee(nn.Module):
    r"""What a prior says at first, and more and more what targets teach.

    .. math:: s = (1 - w)\, g + w\, \tfrac12 (e + m)

    g is a Gaussian process whose prior mean is a training-free proxy, e the mean of trees, and m a mixer
    over the nodes, each in normal scores. The weight w is near 0 with a handful of targets, and with more
    is a third and more: as much more as a ridge regression of the targets on what process and trees say of
    them unseen (left out one by one, and in five folds) gives the trees. Only the mixer is trained by
    gradients; in training mode it speaks alone.

    The predictive variance is that of the process, noise included, and that between trees, times a
    factor that makes it fit the residuals of unseen targets; what a second training would differ by comes
    on top.

    Args:
        length: Positions of the encoding.
        channels: Features at a position.
        layout: Positions and channels of the parts that `parzc.encodings.joined` joins: nodes for the
            mixer, then what the others read of the network as a whole, with the proxies last; None if
            the last position is the network as a whole and the mixer reads all.
        mixer: A predictor that is trained; None for none.
        trees: A predictor that targets condition; None for none.
        process: A predictor that targets condition and that can leave one out.

    Source:
        None as a whole. Weights by left-out predictions are stacking (Wolpert 1992; Breiman 1996).
    """

    normal = True  # scores are normal quantiles of ranks
    fewest = 0  # targets that it needs: the prior speaks without

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
        process: Spec = "proxy_prior",
    ) -> None:
        super().__init__()
        parts = layout or [(length, channels), (1, channels)]
        if layout and [sum(part[0] for part in parts), max(part[1] for part in parts)] != [length, channels]:
            raise ValueError(
                f"layout should cover {length} positions of {channels} channels, got {layout}; the"
                " encoding should be `joined` of nodes and the network as a whole."
            )
        self.layout = [(int(positions), int(width)) for positions, width in parts]
        features = sum(positions * width for positions, width in self.layout[1:])
        self._configuration = {
            "length": length,
            "channels": channels,
            "layout": layout and [list(part) for part in layout],
        }
        self._specs = {"mixer": mixer, "trees": trees, "process": process}
        self.mixer = None if mixer is None else _build(mixer, *self.layout[0])
        self.trees = None if trees is None else _build(trees, 1, features)
        self.process = _build(process, 1, features).requires_grad_(False)
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
        score: Tensor = process.float()[None]
        return score

    def sample(self, encoding: Encoding, draws: int) -> Float[Tensor, "samples batch"]:
        """Draw what the ranks of new targets may be, each table's independent of the others'.

        Args:
            encoding: Encoded tables.
            draws: How many.

        Returns:
            Normal scores; the noise of targets is part of their spread.
        """
        mean = self(encoding)[0]
        drawn: Tensor = mean + self.spread(encoding).float() * torch.randn(draws, len(mean))
        return drawn

    def spread(self, encoding: Encoding) -> Float[Tensor, " batch"]:
        """Say how far new targets may lie from the score.

        Args:
            encoding: Encoded tables.

        Returns:
            Standard deviations of normal scores, the noise of targets included.
        """
        _, network = self._parts(encoding)
        variance: Tensor = self.process.deviation(network).square()
        if self.trees is not None:
            variance = variance + self.trees(network).std(0).square()
        deviation: Tensor = (variance * self.factor.square() + _AGAIN).sqrt()
        return deviation

    def covariance(self, encoding: Encoding) -> Float[Tensor, "batch batch"]:
        """Say what the process does not know of several tables together, without the noise of targets."""
        found: Tensor = self.process.covariance(self._parts(encoding)[1])
        return found * self.factor.square()

    @property
    def noise_variance(self) -> float:
        """Variance of the noise of targets, on the scale of scores."""
        return float(self.process.noise_variance * self.factor**2)

    def condition(self, encoding: Encoding, targets: Float[Tensor, " batch"]) -> None:
        """Learn of targets, in the place of those known before.

        Args:
            encoding: Encoded tables.
            targets: Their targets, in any unit.
        """
        _, network = self._parts(encoding)
        scores = normal_scores(targets)
        self.process.condition(network, targets)
        (unseen, doubt), once = self.process.left_out(), _occur_once(network)
        variance = doubt.square()
        if self.trees is not None:
            taught, spread = _in_folds(self.trees, network, targets)
            away, rest = ((taught - unseen) * once, (scores - unseen) * once)
            share: Tensor = (away @ rest) / (away @ away + _TRUST)
            share = _LEAST + (1 - _LEAST) * share.clamp(0, 1)
            self.weight = share / (1 + (_HALF / len(scores)) ** 2)
            unseen = unseen + self.weight * (taught - unseen)
            variance = variance + spread.square()
            self.trees.condition(network, targets)
        elif self.mixer is not None:
            self.weight = torch.ones_like(self.weight) / (1 + (_HALF / len(scores)) ** 2)
        surprise = (scores - unseen).square() / variance * once
        self.factor = ((surprise.sum() + _SURE) / (once.sum() + _SURE)).sqrt()

    def kl(self) -> Float[Tensor, ""]:
        """Measure how far the mixer's posterior is from its prior, in nats."""
        own: Tensor = torch.zeros(()) if self.mixer is None else self.mixer.kl()
        return own

    def _parts(self, encoding: Encoding) -> tuple[Encoding, Encoding]:
        """Tell the nodes from the network as a whole, all of which comes to lie side by side."""
        (nodes, width), *rest = self.layout
        values = encoding.values * encoding.mask[..., None]
        end, wholes = values.shape[1], []
        for positions, channels in reversed(rest):
            wholes.append(values[:, end - positions : end, :channels].flatten(1))
            end -= positions
        network = torch.cat(wholes[::-1], dim=1)[:, None]
        first = Encoding(values[:, :nodes, :width], encoding.mask[:, :nodes])
        return first, Encoding(network, torch.ones(len(network), 1, device=network.device) > 0)


def _occur_once(network: Encoding) -> Float[Tensor, " batch"]:
    """Mark the networks that no other is equal to: only they can be left out."""
    _, places, counts = torch.unique(network.flat(), dim=0, return_inverse=True, return_counts=True)
    alone: Tensor = (counts[places] == 1).double()
    return alone


def _in_folds(
    trees: Any, network: Encoding, targets: Float[Tensor, " batch"]
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Let trees say of each fold what the others teach, with their spread."""
    said, spread = torch.zeros(2, len(targets), dtype=torch.float64)
    fold_of = np.arange(len(targets)) % _FOLDS
    for fold in range(min(_FOLDS, len(targets))):
        kept, out = (torch.from_numpy(np.flatnonzero(part)) for part in (fold_of != fold, fold_of == fold))
        trees.condition(network[kept], targets[kept])
        each = trees(network[out]).double()
        said[out], spread[out] = each.mean(0), each.std(0)
    return said, spread


def _build(spec: Spec, length: int, channels: int) -> Any:
    return plugins.build("predictors", spec, length=length, channels=channels)


def _named(spec: Spec) -> dict[str, Any]:
    return {"name": spec} if isinstance(spec, str) else dict(spec)


def _normal(scores: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Turn standardised ranks into normal scores, within those of the outermost few of a hundred."""
    normal: Tensor = torch.special.ndtri((scores / 12**0.5 + 0.5).clamp(0.03, 0.97))
    return normal
