"""Ranks that are kept up to date."""

import numpy as np
import pytest

from parzc.aggregations.az_rank import az_rank
from parzc.searching.running_ranks import RunningRanks


@pytest.mark.parametrize("population", [1, 7, 60, 2500])
def test_they_are_those_of_ranking_anew(population: int) -> None:
    generator = np.random.default_rng(population)
    scores = generator.normal(size=(3, population)).round(1)  # with ties
    scores[generator.random(scores.shape) < 0.1] = np.nan
    scores[generator.random(scores.shape) < 0.1] = -np.inf
    running = RunningRanks(3)
    for column in scores.T:
        running.add(column)
    assert len(running) == population
    np.testing.assert_allclose(running.sum_of_logs(), az_rank(scores), atol=1e-9)


def test_nobody_has_no_ranks() -> None:
    assert RunningRanks(2).sum_of_logs().shape == (0,)
