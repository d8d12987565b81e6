"""Which labels tell most, and how they are chosen."""

import itertools

import numpy as np
import pytest
import torch

from parzc.acquisition import Belief, Pool, most_telling
from parzc.acquisitions.average_variance import AverageVariance
from parzc.acquisitions.doubtful_pairs import DoubtfulPairs
from parzc.acquisitions.k_center import KCenter
from parzc.acquisitions.random import Random
from parzc.encoding import Encoding
from parzc.learning.acquire import acquire, next_to_label
from parzc.learning.training import Trained
from parzc.predictors.linear import Linear
from tests.tables import tables


def encoded(rows) -> Encoding:
    values = torch.as_tensor(rows, dtype=torch.float32)[:, None]
    return Encoding(values, torch.ones(len(values), 1) > 0)


class Says:
    """A predictor with a belief of the test's own."""

    noise_variance = 0.1

    def __init__(self, mean, covariance) -> None:
        self.mean = torch.as_tensor(mean, dtype=torch.float32)
        self._covariance = torch.as_tensor(covariance, dtype=torch.float32)

    def __call__(self, encoding):
        return self.mean[None]

    def covariance(self, encoding):
        return self._covariance


def pool(mean, covariance, weights=None) -> Pool:
    rows = np.arange(len(mean))[:, None]
    weights = np.ones(len(mean)) if weights is None else np.array(weights, dtype=float)
    return Pool(Says(mean, covariance), encoded(rows), weights, encoded([[0.0]]), np.zeros(1))


def choose(acquisition, given: Pool, count: int = 1) -> list[int]:
    return acquisition(given, count, np.random.default_rng(0)).tolist()


def conditioned(covariance, rows, noise):
    """The covariance after noisy labels, by the textbook's formula."""
    among = covariance[np.ix_(rows, rows)] + noise * np.eye(len(rows))
    return covariance - covariance[:, rows] @ np.linalg.solve(among, covariance[rows])


def test_each_label_is_the_one_that_leaves_the_least_loss() -> None:
    random = np.random.default_rng(0)
    root, shape = random.normal(size=(12, 5)), random.normal(size=(12, 12))
    covariance, loss = root @ root.T, shape @ shape.T
    chosen = most_telling(Belief(np.zeros(12), covariance, 0.3), loss, 4).tolist()
    for place, best in enumerate(chosen):
        left = {
            other: np.trace(loss @ conditioned(covariance, [*chosen[:place], other], 0.3))
            for other in set(range(12)) - set(chosen[:place])
        }
        assert min(left, key=left.__getitem__) == best


def test_what_tells_of_others_is_worth_more_than_what_is_least_certain() -> None:
    covariance = np.eye(5)
    covariance[:3, :3], covariance[4, 4] = 0.99, 1.5
    covariance[[0, 1, 2], [0, 1, 2]] = 1.0
    assert choose(AverageVariance(), pool(np.zeros(5), covariance)) in ([0], [1], [2])


def test_what_stands_for_many_is_worth_more() -> None:
    assert choose(AverageVariance(), pool(np.zeros(4), np.eye(4), weights=[1, 1, 5, 1])) == [2]


def test_what_is_known_for_certain_to_be_better_needs_no_label() -> None:
    mean, variance = [0.0, 0.1, 9.0], np.diag([0.5, 0.5, 1.0])
    assert choose(AverageVariance(), pool(mean, variance)) == [2]
    assert choose(DoubtfulPairs(), pool(mean, variance)) != [2]


def test_what_all_scores_share_is_no_doubt_about_their_order() -> None:
    shared = 100 * np.ones((4, 4))
    of_order = np.diag([0.1, 0.1, 0.4, 0.1])
    assert choose(DoubtfulPairs(), pool(np.zeros(4), shared + of_order)) == [2]


def test_the_centres_lie_far_from_each_other() -> None:
    rows = encoded([[0.0], [1.0], [-8.0], [9.0], [9.5]])
    known = encoded([[0.2]])
    given = Pool(None, rows, np.ones(5), known, np.zeros(1))
    assert choose(KCenter(), given, 3) == [4, 2, 1]


def test_a_random_choice_favours_what_stands_for_many() -> None:
    given = pool(np.zeros(4), np.eye(4), weights=[1, 1, 1, 17])
    drawn = [Random()(given, 1, np.random.default_rng(seed))[0] for seed in range(200)]
    assert 0.75 < np.mean(np.array(drawn) == 3) < 0.95


def test_draws_tell_what_goes_together() -> None:
    torch.manual_seed(0)
    predictor = Linear(length=1, channels=2, members=4).eval()
    given = Pool(predictor, encoded([[1, 2], [1, 2], [-3, 1]]), np.ones(3), encoded([[0, 1]]), np.ones(1))
    covariance = given.belief().covariance
    assert covariance[0, 1] == pytest.approx(covariance[0, 0])
    assert covariance[0, 2] < 0.9 * np.sqrt(covariance[0, 0] * covariance[2, 2])


def test_a_predictor_without_doubts_is_refused() -> None:
    given = Pool(
        lambda encoding: torch.zeros(1, 2), encoded([[1], [2]]), np.ones(2), encoded([[0]]), np.ones(1)
    )
    with pytest.raises(TypeError, match="covariance.*k_center"):
        choose(AverageVariance(), given)


TABLES = tables(20)
NAMES = list(TABLES)


class FirstOf:
    """An acquisition that takes what comes first."""

    def __call__(self, given, count, generator):
        return np.arange(count)


def trained(known=None) -> Trained:
    return Trained(lambda given: encoded(np.zeros((len(given), 1))), None)


def spend(budget, asked, pool=NAMES, each=3):
    def look_up(names):
        asked.append(list(names))
        return dict.fromkeys(names, 0.5)

    return acquire(
        dict.fromkeys(NAMES[5:7], 0.5),
        dict.fromkeys(pool, 1.0),
        budget,
        tables=TABLES,
        acquisition=FirstOf(),
        train=trained,
        look_up=look_up,
        each=each,
        seed=0,
    )


def test_rounds_spend_the_budget_and_no_more() -> None:
    asked: list[list[str]] = []
    known = spend(9, asked)
    assert asked == [NAMES[:3], [*NAMES[3:5], NAMES[7]], [NAMES[8]]]
    assert list(known) == [*NAMES[5:7], *itertools.chain(*asked)]


@pytest.mark.parametrize(("budget", "each", "message"), [(21, 3, "at most 20"), (9, 0, "at least 1")])
def test_what_cannot_be_spent_is_refused(budget, each, message) -> None:
    with pytest.raises(ValueError, match=message):
        spend(budget, [], each=each)


def test_nothing_left_is_nothing_to_label() -> None:
    known = dict.fromkeys(NAMES, 0.5)
    options = {"tables": TABLES, "acquisition": FirstOf(), "generator": np.random.default_rng(0)}
    assert next_to_label(trained(), known, dict.fromkeys(NAMES, 1.0), count=3, **options) == []


def test_fewer_than_asked_for_may_be_left() -> None:
    known = dict.fromkeys(NAMES[:-2], 0.5)
    options = {"tables": TABLES, "acquisition": FirstOf(), "generator": np.random.default_rng(0)}
    assert next_to_label(trained(), known, dict.fromkeys(NAMES, 1.0), count=3, **options) == NAMES[-2:]
