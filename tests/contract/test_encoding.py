"""What every encoding promises."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from parzc import plugins
from parzc.probing.table import Table
from tests.tables import as_list, change_dead, table, tables

TRAINING = as_list(tables(30))
OTHERS = as_list(tables(10, start=100))


@pytest.fixture(params=plugins.available("encodings"))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def encoding(name):
    made = plugins.build("encodings", name)
    made.fit(TRAINING)
    return made


def scale(of: Table, factor: float) -> Table:
    return Table(of.nodes, of.statistics, of.values * factor, of.network)


def test_any_number_of_nodes_has_one_shape(encoding) -> None:
    encoded = encoding([table(1, nodes=2), table(2, nodes=5), table(3, nodes=8)])
    assert encoded.values.shape == (3, encoding.length, encoding.channels)
    assert encoded.mask.shape == (3, encoding.length)


def test_positions_and_features_have_names(encoding) -> None:
    assert len(set(encoding.labels)) == encoding.channels
    assert len({name for name, _ in encoding.places()}) == encoding.length


def test_depth_rises_to_the_network_as_a_whole(encoding) -> None:
    *depths, whole = (depth for _, depth in encoding.places())
    assert np.isnan(whole)
    assert depths == sorted(depths)
    assert all(0 < depth < 1 for depth in depths)


def test_values_are_finite(encoding) -> None:
    assert bool(encoding(OTHERS).values.isfinite().all())


@pytest.mark.parametrize("factor", [0.0, 1e-12, -1.0, 1e60])
def test_extreme_values_stay_finite(encoding, factor) -> None:
    encoded = encoding([scale(each, factor) for each in OTHERS])
    assert bool(encoded.values.isfinite().all())


@pytest.mark.parametrize("factor", [1e-12, 1e60])
def test_the_scale_of_a_statistic_does_not_matter_after_fitting_to_it(name, encoding, factor) -> None:
    scaled = plugins.build("encodings", name)
    scaled.fit([scale(each, factor) for each in TRAINING])
    torch.testing.assert_close(
        scaled([scale(each, factor) for each in OTHERS]).values, encoding(OTHERS).values, atol=1e-3, rtol=1e-3
    )


def test_training_values_are_standardised(encoding) -> None:
    encoded = encoding(TRAINING)
    live = encoded.values[encoded.mask]
    assert float(live.mean().abs()) < 0.2
    assert 0.5 < float(live.std()) < 1.5


def test_masked_values_are_zero(encoding) -> None:
    encoded = encoding(OTHERS)
    assert bool((encoded.values[~encoded.mask] == 0).all())


def test_dead_nodes_do_not_matter(encoding) -> None:
    before, after = encoding(OTHERS), encoding([change_dead(each) for each in OTHERS])
    torch.testing.assert_close(before.values, after.values, rtol=0, atol=0)
    torch.testing.assert_close(before.mask, after.mask, rtol=0, atol=0)


def test_dead_nodes_do_not_matter_in_fitting(name, encoding) -> None:
    other = plugins.build("encodings", name)
    other.fit([change_dead(each) for each in TRAINING])
    torch.testing.assert_close(other(OTHERS).values, encoding(OTHERS).values, rtol=0, atol=0)


def test_encoding_does_not_change_what_was_fitted(encoding) -> None:
    before = {key: value.clone() for key, value in encoding.state_dict().items()}
    encoding(OTHERS)
    for key, value in encoding.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_tables_do_not_influence_each_other(encoding) -> None:
    torch.testing.assert_close(encoding(OTHERS).values[3], encoding(OTHERS[3:4]).values[0], rtol=0, atol=1e-6)


def test_configuration_and_state_rebuild_the_encoding(name, encoding) -> None:
    options = json.loads(json.dumps(encoding.configuration()))
    rebuilt = plugins.build("encodings", {"name": name, **options})
    rebuilt.load_state_dict(encoding.state_dict())
    torch.testing.assert_close(rebuilt(OTHERS).values, encoding(OTHERS).values, rtol=0, atol=0)


def test_order_of_statistics_in_a_table_does_not_matter(encoding) -> None:
    turned = [Table(each.nodes, each.statistics[::-1], each.values[:, ::-1], each.network) for each in OTHERS]
    torch.testing.assert_close(encoding(turned).values, encoding(OTHERS).values, rtol=0, atol=0)


def test_statistics_are_those_it_reads(name) -> None:
    if name == "placed":
        pytest.skip("it reads none")
    features = {"features": ["fisher", "weights", "kind"]}
    own = {"members": [{"name": "ranked", **features}]} if name == "joined" else features
    chosen = plugins.build("encodings", {"name": name, **own})
    chosen.fit(TRAINING)
    assert chosen.statistics == ["fisher"]
    only = [Table(each.nodes, ("fisher",), each.values[:, 2:], each.network) for each in OTHERS]
    torch.testing.assert_close(chosen(only).values, chosen(OTHERS).values, rtol=0, atol=0)


def test_absent_statistic_is_named(encoding) -> None:
    if not encoding.statistics:
        pytest.skip("it reads none")
    only = [Table(each.nodes, ("fisher",), each.values[:, 2:], each.network) for each in OTHERS]
    with pytest.raises(LookupError, match="snip, synflow"):
        encoding(only)


def test_fitting_to_nothing_is_refused(name) -> None:
    with pytest.raises(ValueError, match="at least one table"):
        plugins.build("encodings", name).fit([])


def test_use_before_fitting_is_refused(name) -> None:
    with pytest.raises(ValueError, match="should be fitted"):
        plugins.build("encodings", name)(OTHERS)


def test_adapting_standardises_another_space(encoding) -> None:
    foreign = [scale(each, 1e9) for each in as_list(tables(30, prefix="blocks"))]
    shape = (encoding.length, encoding.channels)
    encoding.adapt(foreign)
    encoded = encoding(foreign)
    assert (encoding.length, encoding.channels) == shape
    assert float(encoded.values[encoded.mask].mean().abs()) < 0.2


def test_a_table_without_live_nodes_can_be_encoded(encoding) -> None:
    dead = table(1)
    dead = Table(tuple(replace(node, alive=False) for node in dead.nodes), dead.statistics, dead.values, {})
    assert bool(encoding([dead]).values.isfinite().all())


def test_no_tables_give_an_empty_encoding(encoding) -> None:
    assert len(encoding([])) == 0


def test_missing_values_become_the_mean(encoding) -> None:
    blank = [
        Table(each.nodes, each.statistics, np.full_like(each.values, np.nan), each.network) for each in OTHERS
    ]
    encoded = encoding(blank)
    nodes = encoded.values[:, :-1, : len(OTHERS[0].statistics)]
    assert bool((nodes == 0).all())
