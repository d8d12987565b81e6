"""Architectures as rows of a table."""

import numpy as np
import pytest

from parzc.competitor import Candidates
from parzc.spaces.digits_vit import DigitsViT
from parzc.spaces.nasbench201 import NASBench201
from parzc.tabular import feature_matrix
from tests.tables import tables

TABLES = tables(12)


def candidates(**more) -> Candidates:
    return Candidates(list(TABLES), list(TABLES), TABLES, **more)


def test_cells_of_one_function_have_one_structure() -> None:
    space = NASBench201()
    cells = space.sample(60, 0)
    canonical = [space.canonical(cell) for cell in cells]
    given = feature_matrix(Candidates(cells, canonical, space=space), ["structure"])
    own = feature_matrix(Candidates(canonical, canonical, space=space), ["structure"])
    np.testing.assert_array_equal(given, own)


def test_choices_are_the_structure_where_there_is_no_graph() -> None:
    space = DigitsViT()
    names = space.sample(5, 0)
    rows = feature_matrix(Candidates(names, names, space=space), ["structure"])
    assert rows.shape == (5, len(space.choices))
    assert rows[0].tolist() == list(space.read(names[0]))


def test_fields_of_a_json_notation_are_summed_up() -> None:
    names = ['{"depth":2,"ratio":[1,2,6]}', '{"depth":3,"ratio":[4,4,4]}']
    rows = feature_matrix(Candidates(names, names), ["structure"])
    assert rows[0].tolist() == [2, 3, 9, 1, 6, 1, 2, 6]


def test_proxies_are_those_that_the_tables_can_give() -> None:
    rows = feature_matrix(candidates(), ["proxies"])
    expected = [table.total("snip") for table in TABLES.values()]
    assert any(np.allclose(column, expected) for column in rows.T)


def test_sums_take_one_feature_a_channel_and_nodes_all_positions() -> None:
    sums, nodes = (feature_matrix(candidates(), [kind]) for kind in ("sums", "nodes"))
    assert nodes.shape[1] > sums.shape[1] > 0


def test_what_is_missing_is_the_lowest() -> None:
    column = np.array([np.nan, np.inf, -1e40, *range(9)])
    (values,) = feature_matrix(candidates(columns={"x": column}), ["columns"]).T
    assert values[:4].tolist() == [-1e30, 1e30, -1e30, 0]


def test_ranked_columns_do_not_change_with_their_scale() -> None:
    column = np.random.default_rng(0).random(12)
    first, second = (
        feature_matrix(candidates(columns={"x": values}), ["columns"], ranked=True)
        for values in (column, np.exp(50 * column))
    )
    np.testing.assert_array_equal(first, second)


def test_candidates_without_anything_are_refused() -> None:
    with pytest.raises(LookupError, match="could be a feature"):
        feature_matrix(Candidates(["a"], ["a"]), ["structure", "columns"])


def test_nodes_without_tables_are_refused() -> None:
    with pytest.raises(LookupError, match="the track should have `features`"):
        feature_matrix(Candidates(["a"], ["a"]), ["nodes"])
