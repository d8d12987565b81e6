"""What every competitor of a leaderboard promises."""

from typing import Any

import numpy as np
import pytest

from parzc import plugins
from parzc.competitor import Candidates, Competitor
from parzc.evaluation.correlation import kendall_tau
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


@pytest.fixture(scope="module")
def candidates() -> Candidates:
    of = TABLES | {TWIN: TABLES[ORIGINAL]}
    size = np.array([of[name].total("weights") for name in NAMES])
    return Candidates(NAMES, [*TABLES, ORIGINAL], of, columns={"size": size})


@pytest.fixture(scope="module")
def targets(candidates: Candidates) -> np.ndarray:
    return np.array([accuracy(candidates.tables[name]) for name in candidates.architectures])


@pytest.fixture(params=plugins.available("competitors"))
def competitor(request: pytest.FixtureRequest) -> Competitor:
    if request.param in ("boosted_trees", "tabular"):
        pytest.importorskip("xgboost")
    return plugins.build("competitors", {"name": request.param, **OPTIONS.get(request.param, {})})


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


def test_a_training_free_one_does_not_look_at_targets(competitor, candidates, targets) -> None:
    if competitor.fewest:
        pytest.skip("it learns")
    np.testing.assert_array_equal(
        scores(competitor, candidates, targets), scores(competitor, candidates, -targets)
    )


def test_others_learn_on_the_scale_of_standardised_ranks(competitor, candidates, targets) -> None:
    if not competitor.fewest:
        pytest.skip("it needs no training")
    mean, _ = scores(competitor, candidates, targets)
    held_out = np.setdiff1d(np.arange(len(candidates)), KNOWN)
    assert kendall_tau(mean[held_out], targets[held_out]) > 0.25
    assert abs(mean[KNOWN].mean()) < 0.3
    assert 0.3 < mean[KNOWN].std() < 1.3
