import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import ndcg_score

from parzc.evaluation.correlation import kendall_tau, ndcg, regret_at, spearman_rho
from parzc.evaluation.report import evaluate


@pytest.fixture(params=["no ties", "ties"])
def ranking(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    scores, targets = random.normal(size=60), random.uniform(0.1, 0.9, size=60)
    if request.param == "ties":
        scores, targets = scores.round(), targets.round(1)
    return scores, targets


def test_kendall_tau_is_the_pair_count_with_ties(ranking):
    scores, targets = ranking
    d_scores, d_targets = (np.sign(v[:, None] - v[None, :]) for v in ranking)
    by_hand = (d_scores * d_targets).sum() / np.sqrt((d_scores**2).sum() * (d_targets**2).sum())
    assert kendall_tau(scores, targets) == pytest.approx(by_hand, abs=1e-12)


def test_spearman_rho_is_pearson_of_the_ranks(ranking):
    by_hand = np.corrcoef(*(stats.rankdata(values) for values in ranking))[0, 1]
    assert spearman_rho(*ranking) == pytest.approx(by_hand, abs=1e-12)


def test_ndcg_agrees_with_scikit_learn(ranking):
    scores, targets = ranking
    gains = (targets - targets.min()) / np.ptp(targets)
    assert ndcg(scores, targets) == pytest.approx(ndcg_score([gains], [scores]), abs=1e-12)


def test_ndcg_of_a_small_case_by_hand():
    # gains 0, 1, .5 at ranks 1, 2, 3; ideal order 1, .5, 0
    by_hand = (1 / np.log2(3) + 0.5 / 2) / (1 + 0.5 / np.log2(3))
    assert ndcg(np.array([3.0, 2.0, 1.0]), np.array([0.2, 0.6, 0.4])) == pytest.approx(by_hand)


@pytest.mark.parametrize(("k", "regret"), [(1, 0.3), (2, 0.1), (3, 0.1), (4, 0.0), (100, 0.0)])
def test_regret_is_what_the_best_ranked_miss(k: int, regret: float):
    targets = np.array([0.6, 0.8, 0.7, 0.9])
    assert regret_at(k, np.array([4.0, 3.0, 2.0, 1.0]), targets) == pytest.approx(regret)


def test_equal_scores_are_ordered_against_the_proxy():
    assert regret_at(1, np.array([1.0, 1.0, 0.0]), np.array([0.9, 0.5, 0.1])) == pytest.approx(0.4)


def test_monotone_scores_change_nothing(ranking):
    scores, targets = ranking
    assert evaluate(scores, targets) == evaluate(np.exp(scores), targets)


def test_the_right_order_is_perfect():
    targets = np.linspace(0.1, 0.9, 20)
    result = evaluate(targets * 1e60, targets)
    assert result == {
        "kendall_tau": pytest.approx(1),
        "spearman_rho": pytest.approx(1),
        "ndcg": pytest.approx(1),
        "regret_at_1": 0,
        "regret_at_5": 0,
        "regret_at_10": 0,
        "n": 20,
    }


def test_minus_infinity_is_the_last_rank():
    targets = np.array([0.1, 0.2, 0.3])
    assert kendall_tau(np.array([-np.inf, 1.0, 2.0]), targets) == pytest.approx(1)


@pytest.mark.parametrize(
    ("scores", "targets", "message"),
    [
        ([1.0, 1.0], [0.1, 0.2], "scores should differ, got 1 for all 2"),
        ([1.0, 2.0], [0.5, 0.5], "targets should differ"),
        ([1.0, np.nan], [0.1, 0.2], "scores should be numbers, got NaN for 1 of 2"),
        ([1.0], [0.1], "at least 2 architectures, got 1"),
    ],
)
@pytest.mark.parametrize("measure", [kendall_tau, spearman_rho, ndcg, evaluate])
def test_an_undefined_ranking_is_an_error(measure, scores, targets, message):
    with pytest.raises(ValueError, match=message):
        measure(np.array(scores), np.array(targets))


def test_k_below_one_is_an_error():
    with pytest.raises(ValueError, match="k should be at least 1, got 0"):
        regret_at(0, np.array([1.0, 2.0]), np.array([0.1, 0.2]))
