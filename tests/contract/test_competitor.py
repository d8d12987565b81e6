"""What every competitor of a leaderboard promises."""

from typing import Any

import numpy as np
import pytest
import torch

from parzc import plugins
from parzc.competitor import Candidates, Competitor
from parzc.encodings.resampled import Resampled
from parzc.evaluation.correlation import kendall_tau
from parzc.predictors.linear import Linear
from parzc.proxy import ParametricProxy
from tests.tables import accuracy, tables

OPTIONS: dict[str, dict[str, Any]] = {
    "boosted_trees": {"trees": 60},
    "column": {"column": "size"},
    "extra_trees": {"trees": 30},
    "learned": {"predictor": {"name": "linear", "members": 2}, "recipe": {"epochs": 40}},
    "random_forest": {"trees": 30},
    "training_free": {"proxy": "snip"},
}
"""What a competitor cannot do without, and what makes it quick."""

TABLES = tables(70)
TWIN, ORIGINAL = "twin", "cells-3"
NAMES = [*TABLES, TWIN]
KNOWN = np.arange(10, 60)
LEARN_NOTHING = ("column", "training_free")


@pytest.fixture(scope="module")
def candidates() -> Candidates:
    of = TABLES | {TWIN: TABLES[ORIGINAL]}
    size = np.array([of[name].total("weights") for name in NAMES])
    return Candidates(NAMES, [*TABLES, ORIGINAL], of, columns={"size": size})


@pytest.fixture(scope="module")
def targets(candidates: Candidates) -> np.ndarray:
    return np.array([accuracy(candidates.tables[name]) for name in candidates.architectures])


@pytest.fixture(scope="module")
def proxy_of_elsewhere(tmp_path_factory) -> str:
    encoding = Resampled()
    encoding.fit(list(tables(20, prefix="elsewhere", start=100).values()))
    torch.manual_seed(0)
    predictor = Linear(length=encoding.length, channels=encoding.channels, members=2)
    path = tmp_path_factory.mktemp("proxy") / "elsewhere.parzc"
    ParametricProxy(encoding, predictor).save(path)
    return str(path)


@pytest.fixture(params=plugins.available("competitors"))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def competitor(name, proxy_of_elsewhere) -> Competitor:
    if name in ("boosted_trees", "tabular"):
        pytest.importorskip("xgboost")
    options = (
        {"proxy": proxy_of_elsewhere, "recipe": {"epochs": 30}}
        if name == "transferred"
        else OPTIONS.get(name, {})
    )
    return plugins.build("competitors", {"name": name, **options})


def scores(competitor, candidates, targets, seed=0):
    competitor.fit(candidates, KNOWN, targets[KNOWN], seed=seed)
    return competitor.predict(candidates)


def test_it_says_what_it_needs(competitor) -> None:
    assert isinstance(competitor, Competitor)
    assert competitor.fewest < competitor.most


def test_every_candidate_has_a_score_and_a_deviation(competitor, candidates, targets) -> None:
    mean, sd = scores(competitor, candidates, targets)
    assert mean.shape == sd.shape == (len(candidates),)
    assert not np.isnan(mean).any()
    assert (sd >= 0).all()


def test_same_seed_same_scores(competitor, candidates, targets) -> None:
    first, again = (scores(competitor, candidates, targets) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_equal_functions_have_equal_scores(competitor, candidates, targets) -> None:
    mean, _ = scores(competitor, candidates, targets)
    assert mean[-1] == pytest.approx(mean[NAMES.index(ORIGINAL)], abs=1e-6)


def test_without_targets_there_is_a_score_where_promised(competitor, candidates) -> None:
    if competitor.fewest:
        pytest.skip("it needs targets")
    competitor.fit(candidates, np.zeros(0, dtype=int), np.zeros(0), seed=0)
    assert len(np.unique(competitor.predict(candidates)[0])) > 1


def test_a_training_free_one_does_not_look_at_targets(name, competitor, candidates, targets) -> None:
    if name not in LEARN_NOTHING:
        pytest.skip("it learns")
    np.testing.assert_array_equal(
        scores(competitor, candidates, targets), scores(competitor, candidates, -targets)
    )


def test_others_learn_on_the_scale_of_standardised_ranks(name, competitor, candidates, targets) -> None:
    if name in LEARN_NOTHING:
        pytest.skip("it needs no training")
    mean, _ = scores(competitor, candidates, targets)
    held_out = np.setdiff1d(np.arange(len(candidates)), KNOWN)
    assert kendall_tau(mean[held_out], targets[held_out]) > 0.25
    assert abs(mean[KNOWN].mean()) < 0.3
    assert 0.3 < mean[KNOWN].std() < 1.3
