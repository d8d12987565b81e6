"""What every aggregation keeps to; a new file in parzc/aggregations is under test at once."""

import numpy as np
import pytest

from parzc import plugins

RANDOM = np.random.default_rng(1)
SCORES = RANDOM.normal(size=(3, 25)).round(1)
GAPS = np.where(RANDOM.random(SCORES.shape) < 0.2, np.nan, SCORES)


@pytest.fixture(params=plugins.available("aggregations"))
def aggregation(request: pytest.FixtureRequest):
    return plugins.load("aggregations", str(request.param))


def test_it_is_documented(aggregation) -> None:
    assert "Returns:" in str(aggregation.__doc__)
    assert "Source:" in str(aggregation.__doc__)


@pytest.mark.parametrize("scores", [SCORES, GAPS, np.full((3, 4), np.nan), np.full((2, 3), -np.inf)])
def test_scores_are_numbers_whatever_is_missing(aggregation, scores) -> None:
    assert np.isfinite(aggregation(scores)).all()


def test_the_best_by_every_member_is_the_best(aggregation) -> None:
    scores = np.concatenate([SCORES, np.full((3, 1), 99.0)], axis=1)
    assert int(aggregation(scores).argmax()) == 25


def test_missing_by_every_member_is_last(aggregation) -> None:
    scores = np.concatenate([SCORES, np.full((3, 1), np.nan)], axis=1)
    assert aggregation(scores)[-1] == aggregation(scores).min()


def test_order_of_architectures_does_not_matter(aggregation) -> None:
    order = RANDOM.permutation(25)
    np.testing.assert_array_equal(aggregation(GAPS[:, order]), aggregation(GAPS)[order])


def test_order_of_members_does_not_matter(aggregation) -> None:
    np.testing.assert_allclose(aggregation(GAPS[::-1]), aggregation(GAPS))


def test_only_the_order_of_a_member_s_scores_matters(aggregation) -> None:
    np.testing.assert_array_equal(aggregation(np.exp(GAPS)), aggregation(GAPS))


def test_a_population_scores_itself_as_without_naming_it(aggregation) -> None:
    np.testing.assert_array_equal(aggregation(GAPS, GAPS), aggregation(GAPS))


def test_each_is_compared_with_the_population_only(aggregation) -> None:
    alone = [aggregation(GAPS[:, [column]], SCORES)[0] for column in range(25)]
    np.testing.assert_array_equal(aggregation(GAPS, SCORES), alone)


def test_a_better_score_is_never_worse_among_a_population(aggregation) -> None:
    one = np.repeat(SCORES[:, :1], 60, axis=1)
    one[1] = np.linspace(-4, 4, 60)
    assert (np.diff(aggregation(one, SCORES)) >= 0).all()
