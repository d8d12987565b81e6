"""Many tables as one."""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from threading import get_ident

import numpy as np
import pytest
import torch

from parzc.probing.stack import stack
from parzc.probing.store import FeatureStore
from parzc.probing.table import SharedNodes, Table
from tests.tables import as_list, table, tables, write_store

TABLES = as_list(tables(5))
FLOPS = attrgetter("flops")


def stored(folder: Path, prefix: str) -> Sequence[Table]:
    features, _ = write_store(folder / prefix, tables(6, prefix))
    return as_list(FeatureStore.open(features).tables())


def test_each_different_node_is_there_once() -> None:
    again = [replace(each, values=each.values.copy()) for each in TABLES]
    assert len(stack([*TABLES, *again]).nodes) == sum(len(each.nodes) for each in TABLES)


def test_nodes_that_a_store_shares_are_found_as_well(tmp_path: Path) -> None:
    shared = stored(tmp_path, "cells")[1:4]
    plain = [replace(each, nodes=tuple(each.nodes)) for each in shared]
    both = [stack(chosen) for chosen in (shared, plain)]
    assert all(isinstance(each.nodes, SharedNodes) for each in shared)
    rows = [[made.nodes[place] for place in made.which] for made in both]
    assert rows[0] == rows[1] == [node for each in shared for node in each.nodes]
    assert len(both[0].nodes) == len(both[1].nodes)


def test_nodes_of_several_stores_are_told_apart(tmp_path: Path) -> None:
    chosen = [*stored(tmp_path, "a"), *stored(tmp_path, "b")]
    made = stack(chosen)
    assert [made.nodes[place] for place in made.which] == [node for each in chosen for node in each.nodes]


def test_a_pickle_holds_a_table_without_the_nodes_of_others(tmp_path: Path) -> None:
    shared = stored(tmp_path, "cells")[0]
    again = pickle.loads(pickle.dumps(shared.nodes))
    assert (type(again), again) == (tuple, tuple(shared.nodes))


@pytest.fixture
def threads() -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


def test_threads_give_results_in_order(threads: int) -> None:
    made = stack([*TABLES, *TABLES])
    flops = [sum(part.total(FLOPS)) for part in made.cut(3)]
    assert made.map(3, lambda part: sum(part.total(FLOPS))) == flops


def test_a_thread_of_several_works_alone(threads: int) -> None:
    names, inside = zip(*stack(TABLES).map(1, lambda _: (get_ident(), torch.get_num_threads())), strict=True)
    assert get_ident() not in names
    assert set(inside) == {1}
    assert torch.get_num_threads() == threads


def test_a_failure_in_a_thread_is_raised_and_threads_stay(threads: int) -> None:
    with pytest.raises(LookupError, match="no column 'zen'"):
        stack(TABLES).map(1, lambda part: part.statistics(["zen"]))
    assert torch.get_num_threads() == threads


def test_a_stack_stays_as_it_is() -> None:
    made = stack(TABLES)
    assert stack(made) is made


def test_it_is_the_sequence_of_its_tables() -> None:
    assert list(stack(TABLES)) == TABLES


def test_what_is_asked_of_nodes_comes_in_the_order_of_rows() -> None:
    made = stack(TABLES)
    assert made.each(FLOPS)[made.which].tolist() == [node.flops for each in TABLES for node in each.nodes]


def test_a_label_is_there_once() -> None:
    made = stack(TABLES)
    labels, number = made.labels(attrgetter("kind"))
    assert sorted(labels) == ["conv", "linear", "pool"]
    assert [labels[place] for place in number] == [node.kind for node in made.nodes]


def test_sums_are_those_of_the_tables() -> None:
    expected = [each.total("flops") for each in TABLES]
    assert stack(TABLES).total(FLOPS).tolist() == expected


def test_statistics_are_found_in_any_order() -> None:
    turned = Table(TABLES[0].nodes, TABLES[0].statistics[::-1], TABLES[0].values[:, ::-1], TABLES[0].network)
    read = stack([TABLES[0], turned]).statistics(["synflow"])[:, 0]
    assert read.tolist() == [*TABLES[0].column("synflow"), *TABLES[0].column("synflow")]


def test_a_statistic_that_a_table_lacks_is_named() -> None:
    with pytest.raises(LookupError, match="no column 'zen'"):
        stack(TABLES).statistics(["zen"])


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_parts_read_what_the_whole_reads(size: int) -> None:
    parts = list(stack(TABLES).cut(size))
    assert [each for part in parts for each in part] == TABLES
    read = np.concatenate([part.statistics(["snip"]) for part in parts])
    np.testing.assert_array_equal(read, stack(TABLES).statistics(["snip"]))


def test_parts_share_what_is_looked_up_of_nodes() -> None:
    asked: list[str] = []

    def read(node) -> float:
        asked.append(node.name)
        return 1.0

    made = stack([table(seed) for seed in range(4)])
    assert [part.total(read).tolist() for part in made.cut(2)] == [
        [len(each.nodes) for each in made[:2]],
        [len(each.nodes) for each in made[2:]],
    ]
    assert len(asked) == len(made.nodes)


def test_what_was_computed_is_kept() -> None:
    made = stack(TABLES)
    first, second = made.keep("a", lambda: [1]), made.keep("a", lambda: [2])
    assert first is second
