"""Many tables as one."""

from dataclasses import replace
from operator import attrgetter

import numpy as np
import pytest

from parzc.probing.stack import stack
from parzc.probing.table import Table
from tests.tables import as_list, table, tables

TABLES = as_list(tables(5))
FLOPS = attrgetter("flops")


def test_each_different_node_is_there_once() -> None:
    again = [replace(each, values=each.values.copy()) for each in TABLES]
    assert len(stack([*TABLES, *again]).nodes) == sum(len(each.nodes) for each in TABLES)


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
