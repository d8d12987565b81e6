"""What every search strategy promises; a new file in parzc/search is under test at once."""

import random
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from parzc import plugins
from parzc.probing.table import Architecture, Table
from parzc.searching.candidates import Candidates
from parzc.searching.strategy import Strategy
from parzc.spaces.nasbench201 import NASBench201
from tests.tables import table

STRATEGIES = plugins.available("search")

OPTIONS: dict[str, dict[str, Any]] = {
    "aging_evolution": {"population": 5, "tournament": 3},
    "az_evolution": {"proxies": ["snip", "synflow"], "evaluations": 60, "parents": 5},
    "bayesian": {"pool": 60, "acquisition": "thompson"},
    "predictor_guided": {"pool": 60, "each": 5, "epochs": 2, "predictor": "linear"},
    "hnas": {"grow": 50, "initial": 2},
    "robot": {"proxies": ["snip", "synflow"], "pool": 60, "explore": 4},
}
"""How to make a strategy quick to learn."""

SPACE = NASBench201()


def convolutions(architecture: Architecture) -> int:
    return architecture.count("nor_conv_3x3")


def accuracy(architecture: Architecture) -> float:
    return 0.1 + 0.1 * convolutions(architecture) + 0.01 * architecture.count("nor_conv_1x1")


def score(architectures: Sequence[Architecture]) -> np.ndarray:
    return np.array([float(convolutions(name)) for name in architectures])


def measure(names: Sequence[str]) -> Callable[[Sequence[Architecture]], np.ndarray]:
    """Make up proxies: as many convolutions, more or less."""

    def scores(architectures: Sequence[Architecture]) -> np.ndarray:
        noise = [[zlib.crc32(f"{row}{name}".encode()) % 7 for name in architectures] for row in names]
        return score(architectures) - 0.1 * np.array(noise)

    return scores


def read(names: Sequence[Architecture], _: Sequence[str]) -> dict[Architecture, Table]:
    """Make tables up: more convolutions, more nodes."""
    return {name: table(zlib.crc32(name.encode()), nodes=3 + convolutions(name)) for name in names}


def allowed(architecture: Architecture) -> bool:
    return "avg_pool" not in architecture


def make(name: str, seed: int = 0, **options: Any) -> Strategy:
    candidates = Candidates(SPACE, allows=allowed, score=score, measure=measure, read=read)
    return plugins.build(
        "search", {"name": name, **OPTIONS.get(name, {}), **options}, candidates=candidates, seed=seed
    )


def course(strategy: Strategy, trainings: int) -> list[Architecture]:
    asked = []
    for _ in range(trainings):
        asked.append(strategy.ask())
        strategy.tell(asked[-1], accuracy(asked[-1]))
    return asked


@pytest.fixture(params=STRATEGIES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_is_a_strategy(name: str) -> None:
    assert isinstance(make(name), Strategy)


def test_it_says_where_it_is_from(name: str) -> None:
    assert "Source:" in str(plugins.load("search", name).__doc__)


def test_its_course_follows_from_its_seed_alone(name: str) -> None:
    first = course(make(name), 12)
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    assert course(make(name), 12) == first


def test_it_leaves_global_random_states_alone(name: str) -> None:
    before = np.random.get_state()[1].tolist(), torch.get_rng_state()  # beartype itself draws from `random`
    course(make(name), 12)
    assert np.random.get_state()[1].tolist() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def test_it_keeps_to_the_constraints(name: str) -> None:
    assert all(map(allowed, course(make(name), 30)))


def test_what_it_asks_for_is_in_the_space(name: str) -> None:
    assert set(course(make(name), 12)) <= set(SPACE.architectures())


def test_it_can_be_asked_several_times_before_it_is_told(name: str) -> None:
    strategy = make(name)
    for _ in range(5):
        asked = [strategy.ask() for _ in range(4)]
        for architecture in reversed(asked):
            strategy.tell(architecture, accuracy(architecture))
    assert allowed(strategy.ask())


def test_it_can_be_told_what_it_never_asked_for(name: str) -> None:
    strategy = make(name)
    for architecture in SPACE.sample(8, 99):
        strategy.tell(architecture, accuracy(architecture))
    assert len(course(strategy, 12)) == 12


def test_equal_accuracies_do_not_stop_it(name: str) -> None:
    strategy = make(name)
    for _ in range(12):
        strategy.tell(strategy.ask(), 0.5)
    assert allowed(strategy.ask())
