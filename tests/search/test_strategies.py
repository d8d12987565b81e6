"""What is particular to a strategy."""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from parzc.probing.table import Architecture, Table
from parzc.search.aging_evolution import AgingEvolution
from parzc.search.az_evolution import AZEvolution
from parzc.search.bayesian import Bayesian
from parzc.search.hnas import HNAS
from parzc.search.predictor_guided import PredictorGuided
from parzc.search.random import RandomSearch
from parzc.search.reinforce import Reinforce
from parzc.search.robot import RoBoT
from parzc.searching.candidates import Candidates
from parzc.searching.strategy import NothingLeftError, Strategy
from parzc.spaces.nasbench201 import NASBench201
from parzc.spaces.networks import Networks
from tests.tables import table

SPACE = NASBench201()


def convolutions(names: Sequence[Architecture]) -> np.ndarray:
    return np.array([float(name.count("nor_conv_3x3")) for name in names])


def measure(**rows: Callable[[Architecture], float]) -> Callable[..., Callable[..., np.ndarray]]:
    return lambda names: lambda cells: np.array([[rows[name](cell) for cell in cells] for name in names])


def run(strategy: Strategy, trainings: int) -> list[Architecture]:
    asked = []
    for _ in range(trainings):
        asked.append(strategy.ask())
        strategy.tell(asked[-1], float(convolutions(asked[-1:])[0]) / 6)
    return asked


def test_random_search_ends_where_the_space_does() -> None:
    strategy = RandomSearch(candidates=Candidates(SPACE, among=SPACE.sample(3, 0)), seed=0)
    assert len({strategy.ask() for _ in range(3)}) == 3
    with pytest.raises(NothingLeftError):
        strategy.ask()


def test_the_best_of_many_is_a_warm_up_and_one_training() -> None:
    candidates = Candidates(SPACE, score=convolutions)
    chosen = RandomSearch(candidates=candidates, seed=1, warm_up=3000).ask()
    assert convolutions([chosen]) == convolutions(SPACE.sample(3000, 1)).max()


def test_evolution_climbs() -> None:
    asked = run(AgingEvolution(candidates=Candidates(SPACE), seed=0, population=20, tournament=8), 150)
    assert convolutions(asked[-20:]).mean() > convolutions(asked[:20]).mean() + 2


def test_evolution_forgets_the_oldest() -> None:
    strategy = AgingEvolution(candidates=Candidates(SPACE), seed=0, population=3, tournament=3)
    cells = SPACE.sample(7, 0)
    for accuracy, cell in zip([0.9, 0.1, 0.2, 0.3], cells, strict=False):
        strategy.tell(cell, accuracy)
    for _ in range(3):
        strategy.ask()
    assert strategy.ask() in SPACE.neighbours(cells[3])


def test_evolution_moves_to_the_best_neighbour() -> None:
    candidates = Candidates(SPACE, score=convolutions)
    strategy = AgingEvolution(candidates=candidates, seed=0, population=1, tournament=1, move=24, explore=0.0)
    first = strategy.ask()
    strategy.tell(first, 0.5)
    assert convolutions([strategy.ask()])[0] == min(6, convolutions([first])[0] + 1)


@pytest.mark.parametrize("options", [{"population": 0}, {"tournament": 0}])
def test_evolution_needs_a_population(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        AgingEvolution(candidates=Candidates(SPACE), seed=0, **options)


def test_reinforce_climbs() -> None:
    asked = run(Reinforce(candidates=Candidates(SPACE), seed=0, learning_rate=0.05), 300)
    assert convolutions(asked[-50:]).mean() > convolutions(asked[:50]).mean() + 1


@pytest.mark.parametrize("options", [{"warm_up": 300}, {"move": 30}])
def test_reinforce_climbs_by_a_proxy_alone(options: dict[str, int]) -> None:
    candidates = Candidates(SPACE, score=convolutions)
    strategy = Reinforce(candidates=candidates, seed=0, learning_rate=0.05, **options)
    asked = []
    for _ in range(30):
        asked.append(strategy.ask())
        strategy.tell(asked[-1], 0.5)
    assert convolutions(asked[-20:]).mean() > 6 / 5 + 1


def test_reinforce_needs_choices() -> None:
    with pytest.raises(ValueError, match="space of choices"):
        Reinforce(candidates=Candidates(Networks()), seed=0)


def test_robot_finds_the_proxy_that_tells() -> None:
    rows = measure(
        good=lambda cell: float(cell.count("nor_conv_3x3")), bad=lambda cell: cell.count("avg") / 2
    )
    candidates = Candidates(SPACE, measure=rows)
    asked = run(RoBoT(candidates=candidates, seed=0, proxies=["bad", "good"], pool=500, explore=10), 20)
    best = convolutions(candidates.pool(500, 0))
    assert convolutions(asked).max() == best.max()
    assert convolutions(asked[-5:]).mean() > best.mean() + 1.5
    assert len(set(asked)) == 20


def test_robot_takes_a_missing_score_for_the_worst() -> None:
    cells = SPACE.sample(3, 0)
    values = dict(zip(cells, [1.0, float("nan"), 2.0], strict=True))
    candidates = Candidates(SPACE, among=cells, measure=measure(only=values.__getitem__))
    strategy = RoBoT(candidates=candidates, seed=0, proxies=["only"], pool=3, explore=0)
    assert [strategy.ask() for _ in range(3)] == [cells[2], cells[0], cells[1]]


def test_robot_sees_through_huge_values_by_ranks() -> None:
    cells = SPACE.sample(40, 0)
    huge = {cell: 10.0**index for index, cell in enumerate(cells)}
    candidates = Candidates(SPACE, among=cells, measure=measure(huge=huge.__getitem__, other=lambda _: 0.0))
    strategy = RoBoT(
        candidates=candidates, seed=0, proxies=["huge", "other"], pool=40, explore=0, normalise="rank"
    )
    assert [strategy.ask() for _ in range(3)] == cells[:-4:-1]


def test_az_evolution_asks_for_the_best_of_its_history() -> None:
    rows = measure(a=lambda cell: float(cell.count("nor_conv_3x3")), b=lambda cell: float(cell.count("conv")))
    options = {"proxies": ["a", "b"], "evaluations": 300, "parents": 10}
    strategy = AZEvolution(candidates=Candidates(SPACE, measure=rows), seed=0, **options)
    asked = [strategy.ask() for _ in range(20)]
    assert convolutions(asked[:1])[0] >= 5
    assert len(set(asked)) == 20
    assert convolutions(asked[:10]).mean() >= convolutions(asked[10:]).mean() > 3


def test_az_evolution_starts_where_it_is_told_to() -> None:
    seen: list[Architecture] = []
    rows = measure(a=lambda cell: seen.append(cell) or 0.0)
    start = SPACE.sample(1, 7)[0]
    options = {"proxies": ["a"], "evaluations": 11, "initial": start}
    AZEvolution(candidates=Candidates(SPACE, measure=rows), seed=0, **options).ask()
    assert {*seen} <= {*SPACE.neighbours(start)}


def tables(names: Sequence[Architecture], _: Sequence[str]) -> dict[Architecture, Table]:
    return {name: table(zlib.crc32(name.encode()), nodes=3 + name.count("nor_conv_3x3")) for name in names}


def bayesian(score: Callable[[Sequence[Architecture]], np.ndarray], **options: Any) -> Bayesian:
    return Bayesian(candidates=Candidates(SPACE, score=score, read=tables), seed=0, pool=150, **options)


def test_bayesian_search_starts_with_what_the_proxy_likes_best() -> None:
    asked = bayesian(convolutions).ask()
    assert convolutions([asked]) == convolutions(Candidates(SPACE).pool(150, 0)).max()


@pytest.mark.parametrize("acquisition", ["expected_improvement", "upper_confidence", "thompson"])
def test_bayesian_search_learns_what_the_proxy_does_not_know(acquisition) -> None:
    noise = lambda names: np.array([float(zlib.crc32(name.encode())) for name in names])  # noqa: E731
    asked = run(bayesian(noise, acquisition=acquisition), 40)
    assert convolutions(asked).mean() > convolutions(Candidates(SPACE).pool(150, 0)).mean() + 0.5


def test_bayesian_search_never_asks_twice_and_ends_with_the_pool() -> None:
    strategy = bayesian(convolutions)
    asked = [strategy.ask() for _ in range(5)] + run(strategy, 145)
    assert len(set(asked)) == 150
    with pytest.raises(NothingLeftError):
        strategy.ask()


def test_bayesian_search_leaves_out_what_cannot_be_read() -> None:
    dead = Candidates(SPACE).pool(30, 0)[:10]
    readable = lambda names, _: {k: v for k, v in tables(names, _).items() if k not in dead}  # noqa: E731
    candidates = Candidates(SPACE, score=convolutions, read=readable)
    asked = run(Bayesian(candidates=candidates, seed=0, pool=30), 20)
    assert not {*asked} & {*dead}


def test_bayesian_search_needs_something_to_read() -> None:
    with pytest.raises(ValueError, match="could be read"):
        Bayesian(candidates=Candidates(SPACE, score=convolutions, read=lambda *_: {}), seed=0)


def guided(**options: Any) -> PredictorGuided:
    candidates = Candidates(SPACE, score=convolutions, read=tables)
    options = {"pool": 200, "each": 10, "epochs": 20, "predictor": "linear"} | options
    return PredictorGuided(candidates=candidates, seed=0, **options)


def test_a_predictor_learns_where_to_look() -> None:
    asked = run(guided(), 40)
    assert len(set(asked)) == 40
    assert convolutions(asked[30:]).mean() > convolutions(asked[:10]).mean() + 1


def test_a_predictor_can_start_where_a_proxy_points() -> None:
    asked = run(guided(warm_up=True), 10)
    assert convolutions(asked).min() >= sorted(convolutions(Candidates(SPACE).pool(200, 0)))[-10]


def test_a_predictor_knows_nothing_outside_its_pool() -> None:
    strategy = guided(pool=12, each=5)
    assert len(set(run(strategy, 12))) == 12
    with pytest.raises(NothingLeftError):
        strategy.ask()


def test_hnas_leaves_out_what_has_no_condition_number() -> None:
    dead = SPACE.sample(30, 0)[:10]
    rows = measure(
        ntk_trace=lambda cell: 1.0 + cell.count("conv"),
        ntk_condition=lambda cell: float("nan") if cell in dead else -10.0,
    )
    candidates = Candidates(SPACE, among=SPACE.sample(30, 0), measure=rows)
    strategy = HNAS(candidates=candidates, seed=0, grow=10, initial=2)
    asked = run(strategy, 20)
    assert not {*asked} & {*dead}
    with pytest.raises(NothingLeftError):
        strategy.ask()


def test_hnas_asks_for_the_least_objective() -> None:
    rows = measure(ntk_trace=lambda _: 1.0, ntk_condition=lambda cell: -10.0 + cell.count("conv"))
    candidates = Candidates(SPACE, measure=rows)
    strategy = HNAS(candidates=candidates, seed=0, grow=300, initial=1)
    asked = strategy.ask()
    assert asked.count("conv") == max(cell.count("conv") for cell in SPACE.sample(300, 0))
