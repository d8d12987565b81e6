"""Weights by agreement, against models whose loadings are known, and the proxies that it is made for."""

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from torch import nn

from parzc.aggregations.agreement import _loadings, agreement
from parzc.aggregations.az_rank import az_rank
from parzc.probing.extract import extract
from parzc.probing.table import NodeInfo, Table
from parzc.proxies.compound_size import compound_size
from parzc.proxies.mean_expressivity import mean_expressivity

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.normal(size=400)


def member(share: float) -> np.ndarray:
    """Measure the truth with an error of its own."""
    return share * TRUTH + np.sqrt(1 - share**2) * RANDOM.normal(size=len(TRUTH))


AGREEING = np.stack([member(0.9), member(0.8), member(0.7)])


@pytest.mark.parametrize("expected", [(0.9, 0.8, 0.7), (0.9, 0.5, 0.3, 0.1), (0.7, 0.7, 0.7, 0.7)])
def test_loadings_of_one_factor_are_found(expected: tuple[float, ...]) -> None:
    loadings = np.array(expected)
    correlations = np.outer(loadings, loadings)
    np.fill_diagonal(correlations, 1)
    np.testing.assert_allclose(_loadings(correlations), loadings, atol=0.01)


def test_who_agrees_with_nobody_has_little_say() -> None:
    scores = np.concatenate([AGREEING, RANDOM.normal(size=(3, len(TRUTH)))])
    weighed, alike = (kendalltau(combine(scores), TRUTH).statistic for combine in (agreement, az_rank))
    assert weighed > alike + 0.15
    assert weighed > 0.95 * kendalltau(agreement(AGREEING), TRUTH).statistic


def test_who_goes_against_the_rest_has_no_say() -> None:
    against = np.concatenate([AGREEING, -AGREEING[:1]])
    np.testing.assert_allclose(agreement(against), agreement(AGREEING))


def test_what_is_the_same_for_all_has_no_say() -> None:
    constant = np.concatenate([np.full((1, len(TRUTH)), 3.0), AGREEING])
    gaps = np.diff(agreement(constant)) - np.diff(agreement(AGREEING))
    np.testing.assert_allclose(gaps, 0, atol=1e-9)


def test_two_members_count_alike() -> None:
    one, other = RANDOM.permutation(50.0 + np.arange(50)), RANDOM.permutation(np.arange(50.0))
    both = np.stack([one, other])
    assert kendalltau(agreement(both), az_rank(both)).statistic == pytest.approx(1)


def test_a_network_alone_has_a_score() -> None:
    assert np.isfinite(agreement(np.array([[1.0], [2.0], [3.0]]))).all()


def test_compound_size_of_a_chain() -> None:
    chain = nn.Sequential(nn.Linear(4, 6, bias=False), nn.ReLU(), nn.Linear(6, 3, bias=False))
    table = extract(chain, (torch.randn(8, 4), torch.arange(8) % 3), ["level"])
    assert compound_size(table) == pytest.approx(42**0.75 * 42**0.25 * (2 * 2) ** 0.75)


def test_mean_expressivity_is_that_of_the_blocks() -> None:
    sizes = {"weights": 0, "flops": 0, "kernel": 0, "spatial": 1, "in_channels": 2, "out_channels": 2}
    kinds = ["block", "conv", "block"]
    nodes = tuple(NodeInfo(str(row), kind, True, depth=row, **sizes) for row, kind in enumerate(kinds))
    table = Table(nodes, ("expressivity",), np.array([[1.0], [9.0], [2.0]]))
    assert mean_expressivity(table) == 1.5
