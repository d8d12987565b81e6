"""A Gaussian process that starts from a training-free proxy: for few labels and for many."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from parzc.encoding import Encoding
from parzc.process import Features, Process

__all__ = ["ProxyPrior"]

_PRIORS = {"slope": (0.9, 0.3), "curve": (-2.3, 0.7), "linear": (-3.0, 0.7), "noise": (-2.3, 0.5)}
"""Mean and standard deviation of each number that targets choose; logarithms, but for the slope."""
_SCALE_DEVIATION = 0.5
_OFFSET = 0.02
_STEPS = 40
_STEP = 0.1

_State = dict[str, Tensor]


class ProxyPrior(Process):
    r"""The prior mean is a proxy, and targets say which, and which features matter.

    .. math:: f \sim N\Big(s \sum_j p_j z_j,\; c^2 + v^2 z^\top z' / r + a^2 k_{3/2}(x, x')\Big)

    of n features x, the last r of which, z, are rival proxies. Before any target is known the prior mean is
    the last of them. Targets move it to others by p, how probable it is that each is the prior mean, where
    one that is not the last costs `doubt` nats. The slope s, the variances and the scales of a Matérn
    kernel, one for each feature, are the most probable ones given targets and a prior of their own, so that
    a handful of targets changes little and hundreds tell which features matter.

    Nothing is trained by gradients of a loss: targets that condition the process find all of it, in seconds.

    Args:
        length: Positions of the encoding.
        channels: Features at a position.
        rivals: How many of the last features may be the prior mean.
        doubt: How improbable it is, in nats, that one that is not the last should be.
        fitted: Targets at most that find the numbers, the first ones; all condition the process.

    Source:
        Rasmussen & Williams 2006, chapters 2, 4.2 and 5.4.1 (relevance of features); the choice among prior
        means is ours.
    """

    fewest = 0  # targets that it needs: the prior speaks without

    slope: Tensor
    curve: Tensor
    linear: Tensor
    noise: Tensor
    scales: Tensor
    belief: Tensor

    def __init__(
        self, *, length: int, channels: int, rivals: int = 9, doubt: float = 5.0, fitted: int = 600
    ) -> None:
        super().__init__(length * channels)
        self._configuration = {
            "length": length,
            "channels": channels,
            "rivals": rivals,
            "doubt": doubt,
            "fitted": fitted,
        }
        self.rivals, self.doubt, self.fitted = min(rivals, length * channels), doubt, fitted
        for name, value in self._start().items():
            self.register_buffer(name, value)

    def configuration(self) -> dict[str, Any]:
        """Say how to build this predictor again.

        Returns:
            Arguments of the constructor, plain values.
        """
        return dict(self._configuration)

    def condition(self, encoding: Encoding, targets: Float[Tensor, " batch"]) -> None:
        """Learn of targets, in the place of those known before.

        Args:
            encoding: Encoded tables, in random order.
            targets: Their targets, in any unit.
        """
        super().condition(encoding, targets)
        found = self._start()
        sought = [value for name, value in found.items() if name != "belief"]
        optimizer = torch.optim.Adam([value.requires_grad_() for value in sought], lr=_STEP)
        with torch.enable_grad():
            for _ in range(_STEPS):
                optimizer.zero_grad()
                self._take(found)
                self._surprise().backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        self._take({name: value.detach() for name, value in found.items()})
        with torch.no_grad():
            self.belief = torch.softmax(-self._surprises(), 0)

    def kl(self) -> Float[Tensor, ""]:
        """Nothing is trained: zero."""
        return torch.zeros(())

    @property
    def noise_level(self) -> Tensor:
        """Variance of the noise of targets that they themselves suggest."""
        return self.noise.exp()

    def mean_of(self, x: Features) -> Float[Tensor, " batch"]:
        """Say what is expected of tables before any target is known."""
        mean: Tensor = self.slope * (x[:, -self.rivals :] @ self.belief)
        return mean

    def place_of(self, x: Features) -> Float[Tensor, " batch"]:
        """Say where tables lie as far as the last rival can tell."""
        return x[:, -1]

    def kernel(self, a: Features, b: Float[Tensor, "others features"]) -> Float[Tensor, "batch others"]:
        """Say how what is not known of tables goes together before any target is known."""
        scales = self.scales.exp() * a.shape[1] ** 0.5
        squares = _squared_distances(a / scales, b / scales)
        root = (3 * squares + 1e-12).sqrt()  # the derivative of a root is infinite at zero
        linear = a[:, -self.rivals :] @ b[:, -self.rivals :].T / self.rivals
        kernel: Tensor = _OFFSET + self.linear.exp() * linear + self.curve.exp() * (1 + root) * (-root).exp()
        return kernel

    def variance_of(self, x: Features) -> Float[Tensor, " batch"]:
        """Give the diagonal of the kernel."""
        linear = x[:, -self.rivals :].square().sum(1) / self.rivals
        return _OFFSET + self.linear.exp() * linear + self.curve.exp()

    def _start(self) -> _State:
        """Give what is most probable before any target is known."""
        numbers = {name: torch.tensor(mean, dtype=torch.float64) for name, (mean, _) in _PRIORS.items()}
        scales = torch.zeros(self.inputs.shape[1], dtype=torch.float64)
        belief = torch.zeros(self.rivals, dtype=torch.float64)
        belief[-1] = 1
        return {**numbers, "scales": scales, "belief": belief}

    def _take(self, state: _State) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def _surprises(self) -> Float[Tensor, " rivals"]:
        """Measure how improbable the first targets are with each rival as the prior mean, in nats."""
        x, y = self.inputs[: self.fitted], self.scores[: self.fitted]
        factor = self.noisy_factor(x)
        rests = y[:, None] - self.slope * x[:, -self.rivals :]
        doubts = torch.full_like(self.belief, self.doubt)
        doubts[-1] = 0
        squares = torch.linalg.solve_triangular(factor, rests, upper=False).square().sum(0)
        surprises: Tensor = squares / 2 + factor.diagonal().log().sum() + doubts
        return surprises

    def _surprise(self) -> Float[Tensor, ""]:
        """Measure how improbable the first targets and the numbers are, whichever the prior mean is."""
        surprise = -torch.logsumexp(-self._surprises(), 0)
        for name, (mean, deviation) in _PRIORS.items():
            surprise = surprise + ((getattr(self, name) - mean) / deviation).square() / 2
        total: Tensor = surprise + (self.scales / _SCALE_DEVIATION).square().sum() / 2
        return total


def _squared_distances(
    a: Float[Tensor, "batch features"], b: Float[Tensor, "others features"]
) -> Float[Tensor, "batch others"]:
    squares = a.square().sum(1)[:, None] + b.square().sum(1)[None] - 2 * a @ b.T
    return squares.clamp(min=0)
