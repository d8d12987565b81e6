"""Shapley values of an encoding's parts, against closed forms."""

import math

import pandas as pd
import pytest
import torch

from parzc import plugins
from parzc.attribution import (
    Parts,
    importance,
    positions_of,
    score_by,
    score_without,
    shapley_values,
    statistics_of,
)
from parzc.encoding import Encoding
from parzc.proxy import ParametricProxy
from tests.proxies_to_load import proxy, tables
from tests.tables import as_list, table
from tests.tables import tables as made_up

THREE = Parts(["a", "b", "c"], [0.25, 0.5, math.nan], torch.arange(3)[:, None].expand(3, 3))

ONE = {"name": "aligned", "features": ["snip"], "totals": False}
TWO = {"name": "ranked", "features": ["synflow"], "values": []}


def drawn(count: int, seed: int = 0) -> Encoding:
    random = torch.Generator().manual_seed(seed)
    return Encoding(torch.randn(count, 3, 2, generator=random), torch.rand(count, 3, generator=random) > 0.3)


def fitted(name: str) -> ParametricProxy:
    encoding = plugins.build("encodings", name)
    encoding.fit(as_list(made_up(30)))
    torch.manual_seed(0)
    shape = {"length": encoding.length, "channels": encoding.channels}
    return ParametricProxy(encoding, plugins.build("predictors", "mabn", **shape, width=8))


@pytest.mark.parametrize("name", plugins.available("encodings"))
@pytest.mark.parametrize("divide", [positions_of, statistics_of])
def test_values_sum_up_to_what_the_score_is_above_the_background(name, divide):
    learned = fitted(name)
    explained, background = (learned.encoding([table(seed) for seed in seeds]) for seeds in ((1, 2, 3), (9,)))
    score = score_by(learned)
    values = shapley_values(score, explained, background, divide(learned.encoding), samples=2)
    expected = (score(explained) - score(background)).double()
    torch.testing.assert_close(values.sum(1), expected, rtol=0, atol=1e-5)


def test_in_a_sum_each_part_has_its_own_difference():
    own, other, weights = drawn(4), drawn(1, seed=1), torch.randn(3, 2)
    values = shapley_values(lambda encoding: (encoding.values * weights).sum((1, 2)), own, other, THREE)
    expected = ((own.values - other.values) * weights).sum(2).double()
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-5)


def test_two_factors_share_their_product():
    own, other = drawn(4), drawn(1, seed=1)
    values = shapley_values(
        lambda encoding: encoding.values[:, 0, 0] * encoding.values[:, 1, 0], own, other, THREE, samples=1
    )
    (x, y), (a, b) = own.values[:, :2, 0].T, other.values[0, :2, 0]
    shares = [(x - a) * (y + b) / 2, (y - b) * (x + a) / 2, torch.zeros(4)]
    torch.testing.assert_close(values, torch.stack(shares, 1).double(), rtol=0, atol=1e-5)


def test_whether_a_node_is_there_belongs_to_its_position():
    own, other = drawn(4), drawn(1, seed=1)
    values = shapley_values(lambda encoding: encoding.mask.float().sum(1), own, other, THREE)
    torch.testing.assert_close(values, own.mask.double() - other.mask.double())


def test_the_background_is_drawn_from_all_of_it():
    own, background = drawn(1), drawn(40, seed=1)
    values = shapley_values(
        lambda encoding: encoding.values.sum((1, 2)), own, background, THREE, samples=2000
    )
    expected = (own.values[0] - background.values.mean(0)).sum(1).double()
    torch.testing.assert_close(values[0], expected, rtol=0, atol=0.15)


def test_a_seed_repeats_the_values():
    found = [importance(proxy(), tables(), samples=1, seed=3).positions for _ in range(2)]
    pd.testing.assert_frame_equal(*found)


def test_nothing_removed_is_the_score():
    score, encoded = score_by(proxy()), proxy().encoding(tables())
    parts = positions_of(proxy().encoding)
    left = score_without(score, encoded, encoded[:3], parts, torch.tensor([], dtype=torch.int64))
    torch.testing.assert_close(left, score(encoded).double(), rtol=0, atol=1e-6)


def test_everything_removed_is_the_score_of_the_background():
    score, encoded = score_by(proxy()), proxy().encoding(tables())
    parts = statistics_of(proxy().encoding)
    left = score_without(score, encoded, encoded[:3], parts, torch.arange(len(parts.names)))
    torch.testing.assert_close(left, score(encoded[:3]).double().mean().expand(8), rtol=0, atol=1e-6)


def test_the_kinds_of_operation_are_one_statistic():
    assert statistics_of(proxy().encoding).names == ["snip", "l2_norm", "weights", "kind", "presence"]


def test_statistics_of_joined_encodings_keep_apart():
    joined = plugins.build("encodings", {"name": "joined", "members": [ONE, TWO]})
    joined.fit(as_list(made_up(30)))
    parts = statistics_of(joined)
    assert parts.names == ["snip", "synflow", "presence"]
    assert parts.of.tolist() == [[0, 2]] * (joined.length - 1) + [[1, 2]]


def test_without_a_sample_there_is_no_value():
    with pytest.raises(ValueError, match="samples should be at least 1, got 0"):
        shapley_values(score_by(proxy()), drawn(1), drawn(1), THREE, samples=0)


def test_positions_have_their_depth():
    found = importance(proxy(), tables(), samples=1).positions
    assert list(found["depth"].dropna()) == [0.125, 0.375, 0.625, 0.875]
    assert found["name"].iloc[-1] == "network"


def test_one_table_cannot_be_explained():
    with pytest.raises(ValueError, match="at least 2 architectures"):
        importance(proxy(), tables()[:1])
