"""Aggregations against closed forms, scipy, and the originals' values where they are at hand."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata

from parzc import ranking
from parzc.aggregations.az_rank import az_rank
from parzc.aggregations.rank_sum import rank_sum
from parzc.aggregations.vote import vote
from parzc.evaluation.vote import vote_accuracy
from parzc.ranking import ranks

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "rank_aggregation.json"
RANDOM = np.random.default_rng(0)
TIED = RANDOM.integers(0, 9, (3, 40)).astype(float)


def golden(table: str) -> dict:
    if not GOLDEN.is_file():
        pytest.skip("the golden values are not at hand")
    return json.loads(GOLDEN.read_text())[table]


def golden_scores(table: str) -> np.ndarray:
    return np.array([[float(score) for score in row] for row in golden(table)["scores"].values()])


@pytest.mark.parametrize("table", ["no_ties", "ties_and_neginf", "nb1_noise_f64"])
@pytest.mark.parametrize(("aggregation", "key"), [(az_rank, "az_log_rank"), (rank_sum, "linear_rank_sum")])
def test_it_gives_the_originals_values(table: str, aggregation, key: str) -> None:
    np.testing.assert_allclose(aggregation(golden_scores(table)), golden(table)[key], rtol=1e-12, atol=0)


@pytest.mark.parametrize("table", ["no_ties", "ties_and_neginf", "nb1_noise_f64"])
def test_ranks_are_the_originals(table: str) -> None:
    scores = golden_scores(table)
    np.testing.assert_array_equal(ranks(scores, scores), list(golden(table)["ranks"].values()))


def test_ranks_are_those_of_scipy() -> None:
    np.testing.assert_array_equal(ranks(TIED, TIED), rankdata(TIED, axis=1))


def test_a_missing_score_shares_the_last_rank() -> None:
    scores = np.array([[1.0, np.nan, 3.0, -np.inf, 2.0]])
    assert ranks(scores, scores).tolist() == [[3, 1.5, 5, 1.5, 4]]


def test_ranks_outside_the_population_lie_between_its_own() -> None:
    population = np.array([[1.0, 2.0, 2.0, 4.0]])
    scores = np.array([[0.0, 1.0, 1.5, 2.0, 3.0, 9.0]])
    assert ranks(scores, population).tolist() == [[0.5, 1, 1.5, 2.5, 3.5, 4.5]]


def test_az_rank_is_nothing_for_the_best_and_worst_for_one_bad_rank() -> None:
    scores = np.array([[4.0, 3, 2, 1], [4, 1, 3, 2]])
    expected = [0, np.log(3 / 4 * 1 / 4), np.log(2 / 4 * 3 / 4), np.log(1 / 4 * 2 / 4)]
    np.testing.assert_allclose(az_rank(scores), expected)


def test_rank_sum_adds_ranks() -> None:
    assert rank_sum(np.array([[4.0, 3, 3], [1, 2, 9]])).tolist() == [4, 3.5, 4.5]


def test_vote_counts_the_architectures_that_two_of_three_put_below() -> None:
    scores = np.array([[3.0, 2, 1], [3, 1, 2], [1, 3, 2]])
    assert vote(scores).tolist() == [2, 1, 0]


def test_a_circle_of_majorities_leaves_no_winner() -> None:
    assert vote(np.array([[3.0, 2, 1], [1, 3, 2], [2, 1, 3]])).tolist() == [1, 1, 1]


def test_equal_and_missing_scores_are_no_votes() -> None:
    scores = np.array([[1.0, 1.0, np.nan], [2.0, 1.0, np.nan], [1.0, 2.0, np.nan]])
    assert vote(scores).tolist() == [0, 0, 0]


def by_hand(scores: np.ndarray, targets: np.ndarray) -> float:
    """Follow the published rule pair by pair."""
    right = total = 0
    for i, j in permutations(range(len(targets)), 2):
        if targets[i] == targets[j]:
            continue
        votes = sum(bool(member[i] > member[j]) for member in scores)
        sign = 1 if votes >= len(scores) / 2 else -1
        right += sign * (targets[i] - targets[j]) > 0
        total += 1
    return right / total


@pytest.mark.parametrize("members", [1, 2, 3])
def test_vote_accuracy_is_the_published_rule(members: int) -> None:
    scores = TIED[:members].copy()
    scores[0, ::7] = np.nan
    targets = RANDOM.integers(0, 20, 40).astype(float)
    assert vote_accuracy(scores, targets) == pytest.approx(by_hand(scores, targets))


def test_vote_accuracy_of_one_member_follows_from_kendall_tau() -> None:
    scores, targets = RANDOM.normal(size=(1, 50)), RANDOM.normal(size=50)
    assert vote_accuracy(scores, targets) == pytest.approx((1 + kendalltau(scores[0], targets)[0]) / 2)


def test_blocks_do_not_change_a_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = RANDOM.normal(size=40)
    whole = vote(TIED), vote_accuracy(TIED, targets)
    monkeypatch.setattr(ranking, "_BLOCK", 90)  # two architectures a block
    np.testing.assert_array_equal(vote(TIED), whole[0])
    assert vote_accuracy(TIED, targets) == pytest.approx(whole[1])


def test_equal_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="targets should differ, got one value for all 3"):
        vote_accuracy(np.ones((2, 3)), np.ones(3))
