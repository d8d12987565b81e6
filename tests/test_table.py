"""A table serves statistics, sizes and sums."""

import numpy as np
import pytest

from parzc.probing.table import NODE_SIZES, NodeInfo, Table

NODES = (
    NodeInfo("a", "conv", True, 9, 90, 9, 10, 1, 1, 0),
    NodeInfo("b", "skip", False, 0, 0, 0, 10, 1, 1, 1),
)
TABLE = Table(NODES, ("snip", "plain"), np.array([[2.0, -1.0], [np.nan, -3.0]]))


def test_column_of_a_statistic() -> None:
    np.testing.assert_array_equal(TABLE.column("snip"), [2, np.nan])


@pytest.mark.parametrize("name", NODE_SIZES)
def test_column_of_a_size(name: str) -> None:
    np.testing.assert_array_equal(TABLE.column(name), [getattr(node, name) for node in NODES])


def test_total_skips_what_is_missing() -> None:
    assert TABLE.total("snip") == 2
    assert TABLE.total("plain") == -4
    assert TABLE.total("flops") == 90


def test_unknown_column_gets_the_list() -> None:
    with pytest.raises(LookupError, match=r"no column 'sinp'; it has snip, plain, weights"):
        TABLE.column("sinp")


def test_alive() -> None:
    np.testing.assert_array_equal(TABLE.alive, [True, False])
