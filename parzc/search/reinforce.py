"""REINFORCE."""

import torch
from torch import Tensor

from parzc.choices import ChoiceSpace
from parzc.probing.table import Architecture
from parzc.searching.candidates import Candidates

__all__ = ["Reinforce"]

_TRIES = 1000


class Reinforce:
    """REINFORCE with one categorical distribution a choice, and with zero-cost warm-up and move.

    The policy moves towards architectures that are better than the running mean of the rewards. Before the
    first training and between trainings it can be moved by a proxy: then the reward is the share of the
    architectures scored so far that are worse.

    Args:
        candidates: What to draw from; its space should be one of choices.
        seed: Of the policy's draws.
        learning_rate: Of Adam.
        decay: Of the running mean of the rewards.
        warm_up: Updates by the proxy before the first training.
        move: Updates by the proxy before each training.

    Source:
        Williams 1992; warm-up and move as in Abdelfattah et al., ICLR 2021, whose controller and reward
        were not published. Compared with the REINFORCE baseline of hzf1174/RoBoT (Adam .01, decay .9).
        Deviation: a proxy's reward is a share, since its scale is not that of accuracies.
    """

    def __init__(
        self,
        *,
        candidates: Candidates,
        seed: int,
        learning_rate: float = 0.01,
        decay: float = 0.9,
        warm_up: int = 0,
        move: int = 0,
    ) -> None:
        if not isinstance(candidates.space, ChoiceSpace):
            raise ValueError(
                "reinforce needs a space of choices (parzc.choices.ChoiceSpace), got"
                f" {type(candidates.space).__name__}; take another strategy."
            )
        self._candidates, self._space = candidates, candidates.space
        self._generator = torch.Generator().manual_seed(seed)
        self._options = [list(options) for options in self._space.choices.values()]
        self._logits = [
            torch.nn.Parameter(1e-3 * torch.randn(len(options), generator=self._generator))
            for options in self._options
        ]
        self._optimiser = torch.optim.Adam(self._logits, learning_rate)
        self._move, self._to_move = move, warm_up
        self._accuracies, self._proxy = _RunningMean(decay), _RunningMean(decay)
        self._scores: list[float] = []

    def ask(self) -> Architecture:
        """Draw an architecture from the policy, after the moves that the proxy is asked for."""
        for _ in range(self._to_move):
            architecture = self._draw()
            score = float(self._candidates.score([architecture])[0])
            worse = sum(known < score for known in self._scores) / max(1, len(self._scores))
            self._scores.append(score)
            self._update(architecture, worse - self._proxy.update(worse))
        self._to_move = self._move
        return self._draw()

    def tell(self, architecture: Architecture, accuracy: float) -> None:
        """Move the policy towards the architecture if it is better than the running mean, else away."""
        self._update(architecture, accuracy - self._accuracies.update(accuracy))

    def _draw(self) -> Architecture:
        for _ in range(_TRIES):
            chosen = [self._draw_one(logits) for logits in self._logits]
            values = [options[index] for options, index in zip(self._options, chosen, strict=True)]
            if self._space.allowed(values):
                architecture = self._space.write(values)
                if self._candidates.allows(architecture):
                    return architecture
        return next(self._candidates.draw(int(torch.randint(2**31, (), generator=self._generator))))

    def _draw_one(self, logits: Tensor) -> int:
        return int(torch.multinomial(logits.detach().softmax(0), 1, generator=self._generator))

    def _update(self, architecture: Architecture, advantage: float) -> None:
        values = self._space.read(architecture)
        terms = [
            logits.log_softmax(0)[options.index(value)]
            for logits, options, value in zip(self._logits, self._options, values, strict=True)
        ]
        self._optimiser.zero_grad()
        (-advantage * torch.stack(terms).sum()).backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()


class _RunningMean:
    """An exponential mean without the bias of its start."""

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._sum = self._weight = 0.0

    def update(self, value: float) -> float:
        self._sum = self._decay * self._sum + (1 - self._decay) * value
        self._weight = self._decay * self._weight + (1 - self._decay)
        return self._sum / self._weight
