"""The search loop: ask, evaluate, tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from parzc.journal import Journal
from parzc.probing.table import Architecture
from parzc.searching.evaluator import Evaluator
from parzc.searching.strategy import NothingLeftError, Strategy

__all__ = ["Trial", "search"]

_REPEATS = 10_000


class Trial(NamedTuple):
    """One architecture that was trained.

    Attributes:
        architecture: Which.
        result: What the evaluator found.
    """

    architecture: Architecture
    result: Mapping[str, Any]


def search(
    strategy: Strategy,
    evaluator: Evaluator,
    journal: Journal,
    *,
    budget: int,
    allows: Callable[[Architecture], bool],
    reward: Callable[[Architecture, float], float],
    workers: int = 1,
) -> Iterator[Trial]:
    """Let a strategy choose what to train until the budget is spent.

    What the journal holds already is told without training it, so that the same call goes on where a killed
    one ended.

    Args:
        strategy: Chooses.
        evaluator: Trains, or looks up.
        journal: Keeps results as they come.
        budget: Different architectures to train, those that fail included.
        allows: Tells whether an architecture may be trained.
        reward: From an architecture and its accuracy to what the strategy is told.
        workers: Architectures asked for before the first of them is told.

    Yields:
        What was trained, in the order in which the strategy is told. A training without an accuracy is
        told as the least reward so far.

    Raises:
        ValueError: If the strategy asks for an architecture that may not be trained.
    """
    told: dict[Architecture, float] = {}
    idle = 0
    while len(told) < budget and idle < _REPEATS:
        asked = _ask(strategy, min(workers, budget - len(told)))
        if not asked:
            return
        _evaluate(asked, evaluator, journal, allows)
        idle += len(asked)
        for architecture in asked:
            result = journal.results[architecture]
            new = architecture not in told
            if "accuracy" in result:
                told[architecture] = reward(architecture, result["accuracy"])
            else:
                told[architecture] = min(told.values(), default=0.0)
            strategy.tell(architecture, told[architecture])
            if new:
                idle = 0
                yield Trial(architecture, result)


def _ask(strategy: Strategy, count: int) -> list[Architecture]:
    asked: list[Architecture] = []
    try:
        for _ in range(count):
            asked.append(strategy.ask())
    except NothingLeftError:
        pass
    return asked


def _evaluate(
    asked: Sequence[Architecture],
    evaluator: Evaluator,
    journal: Journal,
    allows: Callable[[Architecture], bool],
) -> None:
    new = [architecture for architecture in dict.fromkeys(asked) if architecture not in journal.results]
    for architecture in new:
        if not allows(architecture):
            raise ValueError(
                "a strategy should ask for architectures within the constraints,"
                f" it asked for {architecture!r}."
            )
    if new:
        for architecture, result in evaluator.evaluate(new):
            journal.add(architecture, result)
