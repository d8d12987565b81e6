"""The search loop, its journal and its report."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parzc.journal import Journal
from parzc.probing.table import Architecture
from parzc.search.random import RandomSearch
from parzc.searching.candidates import Candidates
from parzc.searching.loop import Trial, search
from parzc.searching.report import pareto_front
from parzc.spaces.nasbench201 import NASBench201

SPACE = NASBench201()
ACCURACY = {name: index / 15_625 for index, name in enumerate(SPACE.architectures())}


class Training:
    """Gives made-up accuracies, last asked first, and counts."""

    architectures = None

    def __init__(self, fails: Sequence[Architecture] = (), dies_after: int = 10**6) -> None:
        self.trained: list[Architecture] = []
        self.fails, self.dies_after = fails, dies_after

    def evaluate(self, names: Sequence[Architecture]) -> Iterator[tuple[Architecture, Mapping[str, Any]]]:
        for name in reversed(names):
            if len(self.trained) == self.dies_after:
                raise KeyboardInterrupt
            self.trained.append(name)
            yield name, {"failure": "died"} if name in self.fails else {"accuracy": ACCURACY[name]}


class Listed:
    """Asks for given architectures and keeps what it is told."""

    def __init__(self, names: Sequence[Architecture]) -> None:
        self.names = iter(names)
        self.told: list[tuple[Architecture, float]] = []

    def ask(self) -> Architecture:
        return next(self.names)

    def tell(self, architecture: Architecture, accuracy: float) -> None:
        self.told.append((architecture, accuracy))


def run(tmp_path: Path, strategy: Any, training: Training, budget: int, **options: Any) -> list[Trial]:
    journal = Journal(tmp_path / "journal.jsonl", {})
    settings = {"allows": lambda _: True, "reward": lambda _, accuracy: accuracy} | options
    return list(search(strategy, training, journal, budget=budget, **settings))


def randomly() -> RandomSearch:
    return RandomSearch(candidates=Candidates(SPACE), seed=3)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_killed_search_goes_on_as_if_it_had_not_been(tmp_path: Path, workers: int) -> None:
    (tmp_path / "whole").mkdir()
    whole = run(tmp_path / "whole", randomly(), Training(), 10, workers=workers)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, randomly(), Training(dies_after=7), 10, workers=workers)
    training = Training()
    assert run(tmp_path, randomly(), training, 10, workers=workers) == whole
    assert len(training.trained) == 3


def test_a_larger_budget_goes_on_where_a_smaller_one_ended(tmp_path: Path) -> None:
    first = run(tmp_path, randomly(), Training(), 4, workers=3)
    training = Training()
    assert run(tmp_path, randomly(), training, 9, workers=3)[:4] == first
    assert len(training.trained) == 5


def test_what_is_asked_for_again_costs_no_training(tmp_path: Path) -> None:
    a, b, c = SPACE.sample(3, 0)
    strategy, training = Listed([a, b, a, a, c, b]), Training()
    assert [trial.architecture for trial in run(tmp_path, strategy, training, 3)] == [a, b, c]
    assert training.trained == [a, b, c]
    assert [name for name, _ in strategy.told] == [a, b, a, a, c]


def test_a_strategy_that_asks_for_nothing_new_ends_the_search(tmp_path: Path) -> None:
    same = SPACE.sample(1, 0)
    assert len(run(tmp_path, Listed(same * 30_000), Training(), 2)) == 1


def test_the_search_ends_where_nothing_is_left(tmp_path: Path) -> None:
    strategy = RandomSearch(candidates=Candidates(SPACE, among=SPACE.sample(5, 0)), seed=0)
    assert len(run(tmp_path, strategy, Training(), 9, workers=2)) == 5


def test_side_by_side_trainings_are_told_in_the_order_asked_for(tmp_path: Path) -> None:
    names = SPACE.sample(4, 0)
    strategy = Listed(names)
    run(tmp_path, strategy, Training(), 4, workers=4)
    assert strategy.told == [(name, ACCURACY[name]) for name in names]


def test_a_failed_training_is_told_as_the_worst_so_far(tmp_path: Path) -> None:
    names = SPACE.sample(4, 0)
    strategy = Listed(names)
    trials = run(tmp_path, strategy, Training(fails=[names[0], names[3]]), 4)
    assert strategy.told[0][1] == 0
    assert strategy.told[3][1] == min(ACCURACY[names[1]], ACCURACY[names[2]], 0)
    assert trials[3].result == {"failure": "died"}


def test_a_strategy_is_told_the_reward(tmp_path: Path) -> None:
    names = SPACE.sample(2, 0)
    strategy = Listed(names)
    run(tmp_path, strategy, Training(), 2, reward=lambda name, accuracy: accuracy - names.index(name))
    assert [reward for _, reward in strategy.told] == [ACCURACY[names[0]], ACCURACY[names[1]] - 1]


def test_nothing_outside_the_constraints_is_trained(tmp_path: Path) -> None:
    training = Training()
    with pytest.raises(ValueError, match="within the constraints"):
        run(tmp_path, randomly(), training, 2, allows=lambda _: False)
    assert not training.trained


def test_the_pareto_front_is_what_nothing_beats() -> None:
    goods = np.array([[1.0, 5], [2, 4], [2, 3], [3, 1], [0, 5], [np.nan, 9], [3, 1]])
    assert pareto_front(goods).tolist() == [True, True, False, True, False, False, True]
