"""What lies where, in a few components."""

from dataclasses import replace

import pytest
import torch

from parzc.encodings.placed import Placed
from parzc.probing.table import Table
from tests.tables import as_list, table, tables

TRAINING = as_list(tables(40))


def fitted(**options) -> Placed:
    made = Placed(**options)
    made.fit(TRAINING)
    return made


def change(of: Table, **changes) -> Table:
    nodes = (*of.nodes[:-1], replace(of.nodes[-1], alive=True, kind="conv", **changes))
    return Table(nodes, of.statistics, of.values, of.network)


def test_distances_are_those_of_the_bits() -> None:
    made = fitted(share=1.0, components=40)
    encoded = made(TRAINING).values[:, 0].double()
    distances = torch.cdist(encoded, encoded)
    bits = torch.from_numpy(made._present(TRAINING))
    ratios = (distances / torch.cdist(bits, bits))[distances > 1e-3]
    torch.testing.assert_close(ratios, ratios[0].expand_as(ratios), rtol=1e-3, atol=0)


def test_a_larger_kernel_is_another_operation() -> None:
    small, large = (change(table(0), kernel=size) for size in (1, 9))
    made = Placed()
    made.fit([small, large, *TRAINING])
    first, second = made([small, large]).values
    assert (first - second).abs().max() > 0.1


def test_values_of_statistics_do_not_matter() -> None:
    of = table(3)
    other = Table(of.nodes, of.statistics, of.values * 7 + 1, of.network)
    made = fitted()
    assert torch.equal(made([of]).values, made([other]).values)


def test_no_more_components_than_asked_for() -> None:
    assert fitted(components=2).channels == 2


def test_architectures_that_are_all_alike_have_one_feature_that_says_nothing() -> None:
    made = Placed()
    made.fit([table(0)] * 3)
    assert made([table(0)]).values.tolist() == [[[0.0]]]


def test_components_are_the_same_after_loading() -> None:
    made = fitted()
    again = Placed(**made.configuration())
    again.load_state_dict(made.state_dict())
    assert torch.equal(again(TRAINING).values, made(TRAINING).values)


def test_no_components_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Placed(components=0)
