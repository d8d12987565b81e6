"""Drawing, warm-up and moves."""

from collections.abc import Sequence
from itertools import islice
from random import Random

import numpy as np
import pytest

from parzc.probing.table import Architecture
from parzc.searching.candidates import Candidates
from parzc.spaces.nasbench201 import NASBench201

SPACE = NASBench201()
CELL = SPACE.sample(1, 5)[0]


def score(architectures: Sequence[Architecture]) -> np.ndarray:
    return np.array([float(name.count("nor_conv_3x3")) for name in architectures])


def without_pooling(architecture: Architecture) -> bool:
    return "avg_pool" not in architecture


class Endless(NASBench201):
    """NAS-Bench-201 as if it had no list."""

    def architectures(self) -> list[Architecture]:
        return []

    def sample(self, n: int, seed: int) -> list[Architecture]:
        return NASBench201().sample(n, seed)


def test_all_of_a_listed_space_is_drawn_once() -> None:
    drawn = list(Candidates(SPACE).draw(0))
    assert len(drawn) == len(set(drawn)) == 15_625


def test_an_endless_space_is_drawn_without_repetition() -> None:
    drawn = list(islice(Candidates(Endless()).draw(0), 300))
    assert len(set(drawn)) == 300


def test_only_what_is_allowed_is_drawn() -> None:
    drawn = list(Candidates(SPACE, allows=without_pooling).draw(0))
    assert len(drawn) == 4**6
    assert all(map(without_pooling, drawn))


def test_only_what_is_listed_is_drawn() -> None:
    among = SPACE.sample(9, 3)
    candidates = Candidates(Endless(), among=among)
    assert set(candidates.draw(0)) == set(among)
    assert candidates.allows(among[0])
    assert not candidates.allows(SPACE.sample(10, 3)[9])


def test_hopeless_constraints_are_refused() -> None:
    class Forever(Endless):
        def sample(self, n: int, seed: int) -> list[Architecture]:
            return [CELL] * n

    with pytest.raises(ValueError, match=r"100,000 drawn in a row .*loosen"):
        next(Candidates(Forever(), allows=lambda _: False).draw(0))


def test_warm_up_puts_the_best_first_and_then_goes_on_as_drawn() -> None:
    candidates = Candidates(SPACE, score=score)
    drawn, warm = list(candidates.draw(0)), list(candidates.draw_warm(100, 0))
    assert set(warm[:100]) == set(drawn[:100])
    assert (np.diff(score(warm[:100])) <= 0).all()
    assert warm[100:] == drawn[100:]


def test_warm_up_without_a_proxy_is_refused() -> None:
    with pytest.raises(ValueError, match="say proxy="):
        next(Candidates(SPACE).draw_warm(3, 0))


def test_missing_scores_are_ranked_last_and_equal_ones_as_they_were() -> None:
    cells = SPACE.sample(5, 0)
    values = dict(zip(cells, [1.0, np.nan, 2.0, -np.inf, 2.0], strict=True))
    candidates = Candidates(SPACE, score=lambda names: np.array([values[name] for name in names]))
    assert candidates.rank(cells)[:3] == [cells[2], cells[4], cells[0]]


def test_mutants_are_allowed_neighbours() -> None:
    cell = next(Candidates(SPACE, allows=without_pooling).draw(0))
    candidates, generator = Candidates(SPACE, allows=without_pooling), Random(0)
    mutants = {candidates.mutate(cell, generator) for _ in range(200)}
    assert mutants == set(filter(without_pooling, SPACE.neighbours(cell)))


def test_where_no_mutant_is_allowed_another_is_drawn() -> None:
    far = SPACE.sample(2, 8)[1]
    assert Candidates(SPACE, among=[far]).mutate(CELL, Random(0)) == far


def test_a_move_takes_the_best_of_all_neighbours() -> None:
    moved = Candidates(SPACE, score=score).move(CELL, Random(0), among=24, explore=0.0)
    assert moved in SPACE.neighbours(CELL)
    assert score([moved])[0] == score(SPACE.neighbours(CELL)).max()


def test_a_move_scores_no_more_than_it_was_told_to() -> None:
    asked: list[int] = []
    candidates = Candidates(SPACE, score=lambda names: asked.append(len(names)) or score(names))
    candidates.move(CELL, Random(0), among=7, explore=0.0)
    assert asked == [7]


def test_a_move_explores_as_often_as_it_was_told_to() -> None:
    candidates, generator = Candidates(SPACE, score=score), Random(0)
    moved = [candidates.move(CELL, generator, among=24, explore=0.5) for _ in range(400)]
    best = candidates.move(CELL, generator, among=24, explore=0.0)
    assert moved.count(best) / 400 == pytest.approx(0.5 + 0.5 / 24, abs=0.07)
