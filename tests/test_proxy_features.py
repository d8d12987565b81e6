"""Scores of training-free proxies as features of an encoding."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from parzc import plugins
from parzc.aggregate import open_named
from parzc.probing.table import Table
from parzc.proxy import ParametricProxy, load_proxy
from parzc.proxy_features import ProxyFeatures
from tests.tables import as_list, table, tables

TRAINING = as_list(tables(30))
OTHERS = as_list(tables(10, start=100))
PROXIES = ["synflow", "az_rank(snip,rank_sum(synflow,flops))", "vote(snip,flops,synflow)"]
ENCODINGS = [name for name in plugins.available("encodings") if name not in ("joined", "placed")]
"""Those that may have proxies: what is joined leaves them to its members, and `placed` reads no scores."""
ON_A_SCALE = [name for name in ENCODINGS if name != "ranked"]
"""The encodings that standardise values; `ranked` has ranks, and nothing but the network as a whole."""


def fitted(name: str, **options):
    made = plugins.build("encodings", {"name": name, "proxies": PROXIES, **options})
    made.fit(TRAINING)
    return made


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_other_channels_stay_as_they_are(name: str) -> None:
    plain = plugins.build("encodings", name)
    plain.fit(TRAINING)
    encoded = fitted(name)(OTHERS)
    torch.testing.assert_close(encoded.values[..., :-3], plain(OTHERS).values, rtol=0, atol=0)
    torch.testing.assert_close(encoded.mask, plain(OTHERS).mask, rtol=0, atol=0)


@pytest.mark.parametrize("name", ENCODINGS)
def test_scores_lie_at_the_last_position_only(name: str) -> None:
    values = fitted(name)(OTHERS).values[..., -3:]
    assert bool((values[:, :-1] == 0).all())
    assert bool((values[:, -1].std(0) > 0.1).all())


@pytest.mark.parametrize("name", ON_A_SCALE)
def test_the_order_is_that_of_the_proxy_among_the_training_networks(name: str) -> None:
    values = fitted(name)(OTHERS).values[:, -1, -3:].numpy()
    synflow = open_named(PROXIES[0]).predict(OTHERS)[0]
    aggregates = [open_named(spec).reference(TRAINING).predict(OTHERS)[0] for spec in PROXIES[1:]]
    for column, scores in zip(values.T, [synflow, *aggregates], strict=True):
        order = np.argsort(scores, kind="stable")
        assert (np.diff(column[order]) >= 0).all()
        assert len(set(column)) == len(set(scores))


@pytest.mark.parametrize("name", ON_A_SCALE)
def test_training_scores_are_standardised(name: str) -> None:
    values = fitted(name)(TRAINING).values[:, -1, -3:]
    torch.testing.assert_close(values.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.std(0, correction=0), torch.ones(3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ENCODINGS)
def test_tables_do_not_influence_each_other(name: str) -> None:
    made = fitted(name)
    torch.testing.assert_close(made(OTHERS).values[3], made(OTHERS[3:4]).values[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ENCODINGS)
def test_configuration_and_state_rebuild_the_encoding(name: str) -> None:
    made = fitted(name)
    options = json.loads(json.dumps(made.configuration()))
    rebuilt = plugins.build("encodings", {"name": name, **options})
    rebuilt.load_state_dict(made.state_dict())
    torch.testing.assert_close(rebuilt(OTHERS).values, made(OTHERS).values, rtol=0, atol=0)


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_proxy_file_keeps_the_population(name: str, tmp_path) -> None:
    made = fitted(name)
    predictor = plugins.build("predictors", "linear", length=made.length, channels=made.channels)
    learned = ParametricProxy(made, predictor, {"statistics": ["snip", "synflow", "fisher"]})
    learned.save(tmp_path / "a.parzc")
    loaded = load_proxy(tmp_path / "a.parzc")
    np.testing.assert_array_equal(loaded.predict(OTHERS)[0], learned.predict(OTHERS)[0])
    assert loaded.statistics == ("snip", "synflow", "fisher")


@pytest.mark.parametrize("name", ENCODINGS)
def test_what_the_proxies_read_is_extracted(name: str) -> None:
    made = fitted(name, features=["fisher", "kind"])
    assert made.statistics == ["fisher", "synflow", "snip"]


@pytest.mark.parametrize("name", ON_A_SCALE)
def test_without_proxies_there_is_no_state_of_theirs(name: str) -> None:
    made = plugins.build("encodings", name)
    made.fit(TRAINING)
    assert {key.partition(".")[0] for key in made.state_dict()} == {"scale", "total_scale"}


@pytest.mark.parametrize("name", ON_A_SCALE)
def test_proxies_need_the_position_of_the_whole_network(name: str) -> None:
    with pytest.raises(ValueError, match="totals should be true with them, got false"):
        plugins.build("encodings", {"name": name, "proxies": ["snip"], "totals": False})


@pytest.mark.parametrize("name", ON_A_SCALE)
def test_adapting_ranks_among_the_new_networks(name: str) -> None:
    made = fitted(name)
    foreign = [
        Table(each.nodes, each.statistics, each.values * 1e9, each.network)
        for each in as_list(tables(30, prefix="blocks"))
    ]
    made.adapt(foreign)
    assert bool((made(foreign).values[:, -1, -3:].mean(0).abs() < 1e-5).all())


@pytest.mark.parametrize("name", ENCODINGS)
def test_rows_that_are_no_operations_do_not_matter(name: str) -> None:
    def longer(of: Table) -> Table:
        extra = [
            replace(of.nodes[0], name=f"{kind}.0", kind=kind, alive=True) for kind in ("activation", "block")
        ]
        values = np.vstack([of.values, np.full((2, len(of.statistics)), np.nan)])
        column = np.full((len(values), 1), np.nan)
        column[-1] = 3.0
        names = (*of.statistics, "expressivity")
        return Table((*of.nodes, *extra), names, np.hstack([values, column]), of.network)

    made, plain = (plugins.build("encodings", name) for _ in range(2))
    made.fit([longer(each) for each in TRAINING])
    plain.fit(TRAINING)
    assert made.features == plain.features
    encoded, expected = made([longer(each) for each in OTHERS]), plain(OTHERS)
    torch.testing.assert_close(encoded.values, expected.values, rtol=0, atol=0)
    torch.testing.assert_close(encoded.mask, expected.mask, rtol=0, atol=0)


def test_a_score_that_is_not_finite_becomes_the_mean() -> None:
    made = ProxyFeatures(["synflow"])
    made.fit(TRAINING)
    blank = table(1)
    alive = tuple(replace(node, alive=True) for node in blank.nodes)
    blank = Table(alive, blank.statistics, np.full_like(blank.values, np.nan), {})
    assert made([blank]).tolist() == [[0.0]]
    made.fit([blank, *TRAINING])
    assert bool(made(TRAINING).isfinite().all())


def test_a_member_that_is_missing_ranks_last_and_is_a_number() -> None:
    made = ProxyFeatures(["rank_sum(synflow,snip)"])
    made.fit(TRAINING)
    blank = [Table(t.nodes, t.statistics, np.full_like(t.values, np.nan), {}) for t in OTHERS]
    assert float(made(blank).max()) < float(made(TRAINING).min())


@pytest.mark.parametrize("name", ["a.parzc", "vote(snip,a.parzc)"])
def test_a_learned_proxy_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="should be training-free, got a.parzc"):
        ProxyFeatures([name])


@pytest.mark.parametrize("spec", ["elsewhere.evil:f", "vote(snip,elsewhere.evil:f)", "elsewhere.evil(snip)"])
def test_a_file_that_names_a_foreign_proxy_is_refused_unread(spec: str, tmp_path, monkeypatch) -> None:
    made = fitted("resampled")
    predictor = plugins.build("predictors", "linear", length=made.length, channels=made.channels)
    learned = ParametricProxy(made, predictor, {"statistics": ["snip", "synflow", "fisher"]})
    made.proxies.names[0] = spec
    learned.save(tmp_path / "a.parzc")
    imported = []
    monkeypatch.setattr(plugins, "_load_from_outside", lambda kind, name: imported.append(name))
    with pytest.raises(
        ValueError, match=r"names 'elsewhere.evil.*not one of the (proxies|aggregations) of parzc"
    ):
        load_proxy(tmp_path / "a.parzc")
    assert imported == []
