"""Proxies as functions from architectures to scores."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from parzc.aggregate import AggregateProxy
from parzc.journal import Journal
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.proxy import open_proxy
from parzc.searching.readings import ProxyScores, keep, read_from
from parzc.spaces.nasbench201 import NASBench201
from tests.proxies_to_load import STATISTICS, proxy, tables

SPACE = NASBench201()
CELLS = SPACE.sample(8, 0)
TABLES = dict(zip(CELLS, tables(), strict=True))


class Reader:
    """Reads made-up tables, and keeps what it was asked for."""

    def __init__(self, dead: Sequence[Architecture] = ()) -> None:
        self.asked: list[Architecture] = []
        self.dead = dead

    def __call__(self, names: Sequence[Architecture], _: Sequence[str]) -> dict[Architecture, Table]:
        self.asked += names
        return {name: TABLES[name] for name in names if name not in self.dead}


def test_scores_are_those_of_the_proxy() -> None:
    scores = ProxyScores(proxy(), Reader())(CELLS)
    np.testing.assert_allclose(scores, proxy().predict(list(TABLES.values()))[0])


def test_an_aggregate_ranks_among_all_asked_for_so_far() -> None:
    opened = open_proxy("rank_sum(snip,params)")
    assert isinstance(opened, AggregateProxy)
    scores = ProxyScores(opened, Reader())
    scores(CELLS[:5])
    every = opened.predict(list(TABLES.values()))[0]
    np.testing.assert_array_equal(scores(CELLS[5:]), every[5:])


def test_a_network_is_read_once() -> None:
    reader = Reader()
    scores = ProxyScores(open_proxy("snip"), reader)
    for _ in range(2):
        scores([*CELLS, CELLS[0]])
    assert reader.asked == CELLS


def test_a_network_that_cannot_be_read_has_no_score() -> None:
    scores = ProxyScores(open_proxy("snip"), Reader(dead=CELLS[2:3]))(CELLS)
    assert np.flatnonzero(np.isnan(scores)).tolist() == [2]


def test_a_journal_spares_reading_and_ranks_as_the_first_time(tmp_path: Path) -> None:
    opened = open_proxy("rank_sum(snip,params)")
    first = ProxyScores(opened, Reader(dead=CELLS[1:2]), Journal(tmp_path / "a", {}))
    courses = [first(CELLS[:3]), first(CELLS[3:6]), first(CELLS)]
    reader = Reader()
    again = ProxyScores(opened, reader, Journal(tmp_path / "a", {}))
    for names, scores in zip([CELLS[:3], CELLS[3:6], CELLS], courses, strict=True):
        np.testing.assert_array_equal(again(names), scores)
    assert not reader.asked


def test_a_learned_proxy_has_draws_around_its_scores() -> None:
    scores = ProxyScores(proxy(), Reader())
    draws = scores.draws(CELLS)
    assert draws is not None
    assert draws.shape[0] == 8
    assert (draws.std(axis=1) > 0).all()
    np.testing.assert_allclose(draws, scores.draws(CELLS))
    error = draws.std(axis=1) / np.sqrt(draws.shape[1])
    assert (abs(draws.mean(axis=1) - scores(CELLS)) < 5 * error).all()


def test_a_training_free_proxy_has_none() -> None:
    assert ProxyScores(open_proxy("snip"), Reader()).draws(CELLS) is None


def test_a_store_serves_all_that_compute_the_same(tmp_path: Path) -> None:
    dead = "|none~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|none~1|none~2|"
    store = FeatureStore.create(tmp_path, {"statistics": list(STATISTICS)})
    store.add([(SPACE.canonical(Architecture(dead)), TABLES[CELLS[0]])])
    read = read_from(FeatureStore.open(tmp_path), SPACE)
    assert SPACE.canonical(Architecture(dead)) != dead
    assert set(read([Architecture(dead), CELLS[1]], ())) == {dead}


def test_what_is_read_is_kept_for_each_choice_of_statistics(tmp_path: Path) -> None:
    reader = Reader(dead=CELLS[:1])
    keep(reader, tmp_path, {"seed": 0})(CELLS[:4], STATISTICS)
    again = Reader()
    found = keep(again, tmp_path, {"seed": 0})(CELLS[:5], STATISTICS)
    assert sorted(again.asked) == sorted([CELLS[0], CELLS[4]])
    assert list(found) == CELLS[:5]
    np.testing.assert_array_equal(found[CELLS[2]].column("snip"), TABLES[CELLS[2]].column("snip"))
