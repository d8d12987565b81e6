"""What every acquisition promises."""

import numpy as np
import pytest
import torch

from parzc import plugins
from parzc.acquisition import Pool
from parzc.encoding import Encoding
from parzc.predictors.gaussian_process import GaussianProcess
from parzc.predictors.linear import Linear

FEATURES, SIZE = 3, 30


def encoded(count: int, seed: int) -> Encoding:
    random = torch.Generator().manual_seed(seed)
    return Encoding(torch.randn(count, 1, FEATURES, generator=random), torch.ones(count, 1) > 0)


def pool(predictor: torch.nn.Module, order: np.ndarray | None = None) -> Pool:
    order = np.arange(SIZE) if order is None else order
    known, targets, weights = encoded(8, 1), np.linspace(0, 1, 8), np.linspace(1, 2, SIZE)
    if hasattr(predictor, "condition"):
        predictor.condition(known, torch.from_numpy(targets).float())
    return Pool(predictor.eval(), encoded(SIZE, 0)[torch.from_numpy(order)], weights[order], known, targets)


def gaussian_process() -> GaussianProcess:
    return GaussianProcess(length=1, channels=FEATURES)


@pytest.fixture(params=plugins.available("acquisitions"))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def acquisition(name):
    return plugins.build("acquisitions", name)


@pytest.fixture(params=["covariance", "sample"])
def predictor(request: pytest.FixtureRequest) -> torch.nn.Module:
    torch.manual_seed(0)
    exact = request.param == "covariance"
    return gaussian_process() if exact else Linear(length=1, channels=FEATURES, members=3)


def test_it_chooses_as_many_different_ones_as_asked_for(acquisition, predictor) -> None:
    chosen = acquisition(pool(predictor), 7, np.random.default_rng(0))
    assert chosen.shape == (7,)
    assert len(set(chosen.tolist())) == 7
    assert set(chosen.tolist()) <= set(range(SIZE))


def test_it_can_be_asked_for_all(acquisition, predictor) -> None:
    chosen = acquisition(pool(predictor), SIZE, np.random.default_rng(0))
    assert sorted(chosen.tolist()) == list(range(SIZE))


def test_same_generator_same_choice(acquisition, predictor) -> None:
    first, again = (acquisition(pool(predictor), 5, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_order_of_the_pool_does_not_matter(name, acquisition) -> None:
    if name == "random":
        pytest.skip("it is by chance")
    order = np.random.default_rng(0).permutation(SIZE)
    chosen = acquisition(pool(gaussian_process()), 5, np.random.default_rng(0))
    shuffled = acquisition(pool(gaussian_process(), order), 5, np.random.default_rng(0))
    np.testing.assert_array_equal(order[shuffled], chosen)


def test_the_global_random_state_is_left_alone(acquisition, predictor) -> None:
    given = pool(predictor)
    before = torch.get_rng_state()
    acquisition(given, 5, np.random.default_rng(0))
    assert torch.equal(torch.get_rng_state(), before)
