"""AZ-NAS: evolution by the ranks of training-free proxies."""

from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
from tqdm import tqdm

from parzc.probing.table import Architecture
from parzc.searching.candidates import Candidates
from parzc.searching.running_ranks import RunningRanks
from parzc.searching.strategy import NothingLeftError

__all__ = ["AZEvolution"]

_FIRST = 10
"""So many mutants of the initial architecture come first."""


class AZEvolution:
    """AZ-NAS: evolution by non-linear rank aggregation over the history.

    Nothing is trained on the way: the first `ask` makes all evaluations, and the best of the history are
    asked for in turn. A budget of one training, or `evaluator=untrained`, gives what the paper gives.

    Args:
        candidates: What to draw from; the budget is its constraints and that of its space.
        seed: Of all random choices.
        proxies: Whose ranks are aggregated.
        evaluations: Architectures to score, repeated ones included.
        parents: The best so many of the history can be parents.
        mutations: Of a parent, at most.
        initial: The architecture that the first mutants are of; by default the first that is drawn.

    Source:
        Lee & Ham, CVPR 2024. Compared with cvlab-yonsei/AZ-NAS (100,000 evaluations, 1,023 parents).
        Deviations: one or two mutations are equally likely; ranks are updated and not computed anew; what was
        scored before is not scored again.
    """

    def __init__(
        self,
        *,
        candidates: Candidates,
        seed: int,
        proxies: Sequence[str] = ("expressivity", "progressivity", "trainability", "flops"),
        evaluations: int = 1000,
        parents: int = 1023,
        mutations: int = 2,
        initial: str | None = None,
    ) -> None:
        if min(evaluations, parents, mutations) < 1:
            raise ValueError(
                "evaluations, parents and mutations should be at least 1,"
                f" got {evaluations}, {parents} and {mutations}."
            )
        self._candidates, self._generator = candidates, Random(seed)
        self._measure = candidates.proxies(proxies)
        self._ranks = RunningRanks(len(proxies))
        self._evaluations, self._parents, self._mutations = evaluations, parents, mutations
        self._initial = next(candidates.draw(seed)) if initial is None else Architecture(initial)
        self._history: list[Architecture] = []
        self._told: set[Architecture] = set()
        self._best: Iterator[Architecture] | None = None

    def ask(self) -> Architecture:
        """Name the best of the history that was not trained.

        Raises:
            NothingLeftError: If the whole history has been asked for.
        """
        if self._best is None:
            self._best = self._search()
        for architecture in self._best:
            if architecture not in self._told:
                return architecture
        raise NothingLeftError("every architecture of the history has been asked for.")

    def tell(self, architecture: Architecture, accuracy: float) -> None:
        """Learn nothing but that the architecture need not be asked for again."""
        self._told.add(architecture)

    def _search(self) -> Iterator[Architecture]:
        for _ in tqdm(range(self._evaluations), "evolve", unit="network", delay=2):
            child = self._mutant()
            self._ranks.add(self._measure([child])[:, 0])
            self._history.append(child)
        order: list[int] = np.argsort(-self._ranks.sum_of_logs(), kind="stable").tolist()
        return iter(dict.fromkeys(self._history[index] for index in order))

    def _mutant(self) -> Architecture:
        if len(self._history) <= _FIRST:
            return self._candidates.mutate(self._initial, self._generator)
        architecture = self._parent()
        for _ in range(self._generator.randint(1, self._mutations)):
            architecture = self._candidates.mutate(architecture, self._generator)
        return architecture

    def _parent(self) -> Architecture:
        if len(self._history) <= self._parents:
            return self._generator.choice(self._history)
        scores = self._ranks.sum_of_logs()
        best = np.argpartition(-scores, self._parents)[: self._parents]
        return self._history[int(np.sort(best)[self._generator.randrange(self._parents)])]
