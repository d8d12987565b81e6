"""The committee: what a prior says at first, and more and more what targets teach."""

import pytest
import torch
from scipy.stats import kendalltau

from parzc import plugins
from parzc.encoding import Encoding
from parzc.predictors.committee import Committee
from parzc.predictors.trees import Trees
from parzc.proxy import ParametricProxy
from tests.tables import as_list, tables

FEATURES = 6
PROCESS = {"name": "proxy_prior", "rivals": 1}


def networks(count: int, seed: int = 0) -> Encoding:
    random = torch.Generator().manual_seed(seed)
    values = torch.randn(count, 1, FEATURES, generator=random)
    return Encoding(values, torch.ones(count, 1, dtype=torch.bool))


def rising(encoding: Encoding) -> torch.Tensor:
    return encoding.values[:, 0, -1]


def stepped(encoding: Encoding) -> torch.Tensor:
    """What neither the prior nor a smooth function says."""
    return (encoding.values[:, 0, 0] > 0) * 2.0 + (encoding.values[:, 0, 1] > 0.5) - 0.1 * rising(encoding)


def tau(scores: torch.Tensor, targets: torch.Tensor) -> float:
    return float(kendalltau(scores.detach().numpy(), targets.numpy()).statistic)


@pytest.fixture
def committee() -> Committee:
    return Committee(length=1, channels=FEATURES, mixer=None, process=PROCESS).eval()


def test_without_targets_the_prior_speaks(committee) -> None:
    assert tau(committee(networks(50))[0], rising(networks(50))) == 1


def test_a_few_targets_that_agree_with_the_prior_leave_it_its_say(committee) -> None:
    few, many = networks(6), networks(300, seed=1)
    committee.condition(few, rising(few))
    assert tau(committee(many)[0], rising(many)) > 0.9


def test_many_targets_overrule_a_wrong_prior(committee) -> None:
    known, others = networks(200), networks(300, seed=1)
    committee.condition(known, stepped(known))
    assert tau(committee(others)[0], stepped(others)) > 0.6


def test_trees_count_where_they_say_more_than_the_process() -> None:
    blind = {"name": "proxy_prior", "rivals": 1, "fitted": 1}
    committee = Committee(length=1, channels=FEATURES, mixer=None, process=blind).eval()
    known, others = networks(200), networks(300, seed=1)
    committee.condition(known, stepped(known))
    assert float(committee.weight) > 0.5
    assert tau(committee.process(others)[0], stepped(others)) < tau(committee(others)[0], stepped(others))


def test_intervals_cover_new_targets(committee) -> None:
    random = torch.Generator().manual_seed(5)
    known, others = networks(150), networks(1000, seed=1)
    noisy = rising(known) + 0.5 * torch.randn(150, generator=random)
    committee.condition(known, noisy)
    torch.manual_seed(0)
    draws = committee.sample(others, 400) * noisy.std() + noisy.mean()
    truth = rising(others) + 0.5 * torch.randn(1000, generator=random)
    low, high = draws.quantile(0.05, dim=0), draws.quantile(0.95, dim=0)
    assert 0.85 < ((low < truth) & (truth < high)).float().mean() < 0.96


def test_a_layout_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="layout should cover 3 positions"):
        Committee(length=3, channels=2, layout=[[1, 2], [1, 2]])


def test_members_read_their_own_part_of_a_joined_encoding() -> None:
    members = ["aligned", {"name": "ranked", "proxies": ["params"]}]
    encoding = plugins.build("encodings", {"name": "joined", "members": members})
    known = as_list(tables(12))
    encoding.fit(known)
    encoded = encoding(known)
    for member, start in zip(members, (0, encoding.layout[0][0]), strict=True):
        alone = plugins.build("encodings", member)
        alone.fit(known)
        own = encoded.values[:, start : start + alone.length, : alone.channels]
        torch.testing.assert_close(own, alone(known).values, rtol=0, atol=0)


def test_scoring_by_tensors_is_scoring_by_the_grown_trees(monkeypatch) -> None:
    from sklearn.ensemble import ExtraTreesRegressor

    grown = []
    fit = ExtraTreesRegressor.fit
    monkeypatch.setattr(ExtraTreesRegressor, "fit", lambda self, x, y: grown.append(fit(self, x, y)))
    trees, known, others = Trees(length=1, channels=FEATURES, trees=7), networks(80), networks(200, seed=1)
    trees.condition(known, stepped(known))
    expected = torch.from_numpy(grown[0].predict(others.flat().numpy())).float()
    torch.testing.assert_close(trees(others).mean(0), expected)


def test_ungrown_trees_say_nothing() -> None:
    assert not Trees(length=1, channels=FEATURES)(networks(4)).any()


def test_trees_are_grown_the_same_way_again() -> None:
    first, second = (Trees(length=1, channels=FEATURES, trees=5) for _ in range(2))
    for trees in (first, second):
        trees.condition(networks(30), stepped(networks(30)))
    torch.testing.assert_close(first(networks(9, seed=2)), second(networks(9, seed=2)), rtol=0, atol=0)


def test_a_proxy_tells_the_exact_spread(committee) -> None:
    known = networks(40)
    committee.condition(known, rising(known))
    encode = torch.nn.Identity()
    encode.forward = lambda tables: networks(9, seed=2)
    _, sd = ParametricProxy(encode, committee).predict(as_list(tables(9)))
    torch.testing.assert_close(torch.from_numpy(sd), committee.spread(networks(9, seed=2)))


def test_parts_of_the_network_as_a_whole_lie_side_by_side() -> None:
    committee = Committee(length=4, channels=5, layout=[[2, 3], [1, 2], [1, 5]], mixer=None)
    values = torch.arange(20.0).view(1, 4, 5)
    nodes, network = committee._parts(Encoding(values, torch.ones(1, 4) > 0))
    assert nodes.values.flatten().tolist() == [0, 1, 2, 5, 6, 7]
    assert network.values.flatten().tolist() == [10, 11, 15, 16, 17, 18, 19]
