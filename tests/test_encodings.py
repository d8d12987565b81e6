"""What the encodings differ in."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import norm

from parzc.encodings.aligned import Aligned
from parzc.encodings.ranked import Ranked
from parzc.encodings.resampled import Resampled
from parzc.probing.table import Table
from tests.tables import as_list, table, tables

TRAINING = as_list(tables(30))


def fitted(made):
    made.fit(TRAINING)
    return made


def rename(of: Table, change) -> Table:
    nodes = tuple(replace(node, name=change(node.name)) for node in of.nodes)
    return Table(nodes, of.statistics, of.values, of.network)


def test_alternatives_at_one_place_share_a_position() -> None:
    made = fitted(Aligned())
    assert made.names["cells.1"] == made.names["cells.1.op"]
    assert made.names["cells.1"] < made.names["cells.2"]


def test_a_part_of_a_node_in_the_same_network_has_its_own_position() -> None:
    names = ["a", "a.part", "b", "c"]
    both = table(0, nodes=4)
    nodes = tuple(replace(node, name=name, alive=True) for node, name in zip(both.nodes, names, strict=True))
    made = Aligned(totals=False)
    made.fit([Table(nodes, both.statistics, both.values, both.network)] * 2)
    assert len(set(made.names.values())) == 4


def test_unknown_nodes_are_left_out() -> None:
    made = fitted(Aligned(totals=False))
    known = table(3)
    extra = replace(known.nodes[0], name="elsewhere", alive=True)
    longer = Table(
        (*known.nodes, extra), known.statistics, np.vstack([known.values, known.values[:1]]), known.network
    )
    torch.testing.assert_close(made([longer]).values, made([known]).values)


def test_nodes_of_another_space_lie_by_depth() -> None:
    made = fitted(Aligned(totals=False))
    foreign = table(3, prefix="blocks")
    live = sum(node.alive for node in foreign.nodes)
    mask = made([foreign]).mask[0]
    assert 1 < int(mask.sum()) <= live
    assert mask[: made.length // 2].any()
    assert mask[made.length // 2 :].any()


def test_adapting_aligns_another_space_by_depth() -> None:
    made = fitted(Aligned(totals=False))
    made.adapt([table(seed, nodes=16, prefix="blocks") for seed in range(20)])
    order = [made.names.get(f"blocks.{i}", made.names.get(f"blocks.{i}.op")) for i in range(16)]
    assert order == sorted(order)
    assert len(set(order)) > 4


def test_adapting_within_a_space_keeps_positions() -> None:
    made = fitted(Aligned())
    before = dict(made.names)
    made.adapt(as_list(tables(10, start=50)))
    assert made.names == before


def test_positions_are_standardised_apart() -> None:
    made = fitted(Aligned(totals=False))
    encoded = made(TRAINING)
    first = encoded.values[:, 0][encoded.mask[:, 0]]
    torch.testing.assert_close(first[:, 0].mean(), torch.tensor(0.0), atol=1e-4, rtol=0)


def test_totals_sum_over_live_nodes() -> None:
    one, other = table(1), table(1)
    for made in (fitted(Aligned()), fitted(Resampled())):
        doubled = Table(other.nodes, other.statistics, 2 * other.values, other.network)
        encoded = made([one, doubled]).values[:, -1, 0]
        step = np.log(2) / made.total_scale.deviation[0, 0].item()
        assert (encoded[1] - encoded[0]).item() == pytest.approx(step, rel=0.2)


def test_resampling_does_not_read_names() -> None:
    made = fitted(Resampled())
    torch.testing.assert_close(
        made([rename(table(5), str.upper)]).values, made([table(5)]).values, rtol=0, atol=0
    )


def test_resampling_repeats_the_nodes_of_a_shallow_network() -> None:
    made = fitted(Resampled(positions=8, totals=False))
    shallow = table(4, nodes=2)
    shallow = Table(
        tuple(replace(n, alive=True) for n in shallow.nodes), shallow.statistics, shallow.values, {}
    )
    values = made([shallow]).values[0]
    torch.testing.assert_close(values[:4], values[:1].expand(4, -1))
    torch.testing.assert_close(values[4:], values[7:].expand(4, -1))


def test_resampling_averages_the_nodes_of_a_deep_network() -> None:
    fine, coarse = fitted(Resampled(positions=8, totals=False)), fitted(Resampled(positions=2, totals=False))
    deep = [table(6, nodes=16)]
    expected = fine(deep).values[0].view(2, 4, -1).mean(1)
    torch.testing.assert_close(coarse(deep).values[0], expected, rtol=1e-4, atol=1e-5)


def test_resampling_needs_a_position() -> None:
    with pytest.raises(ValueError, match="positions should be at least 1"):
        Resampled(positions=0)


def test_ranked_features_depend_on_order_only() -> None:
    made = fitted(Ranked(features=["snip"], means=["snip"], proxies=["params"]))
    values = made(TRAINING).values[:, 0]
    totals = torch.tensor([float(each.column("snip")[live(each)].sum()) for each in TRAINING])
    assert torch.equal(values[:, 0].argsort(), totals.argsort())
    assert values.shape == (30, 3)


def live(of: Table) -> np.ndarray:
    return np.array([node.alive for node in of.nodes])


def test_ranked_features_of_a_population_are_normal_scores() -> None:
    values = fitted(Ranked(features=["snip"]))(TRAINING).values[:, 0, 0].sort().values
    expected = norm.ppf(np.arange(1, 31) / 31)
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_a_large_population_is_kept_by_its_quantiles() -> None:
    many = as_list(tables(1200))
    made = Ranked(features=["snip"])
    made.fit(many)
    assert made.population.shape == (1, 1000)
    assert made(many).values.isfinite().all()
    assert abs(made(many).values.mean().item()) < 0.01


def test_more_places_than_positions_share_them_with_their_neighbours() -> None:
    every, few = fitted(Aligned(totals=False)), fitted(Aligned(totals=False, limit=3))
    assert few.length == 3 < every.length
    order = sorted(every.names, key=every.names.__getitem__)
    assert [few.names[name] for name in order] == sorted(few.names[name] for name in order)
    assert few.depths == sorted(few.depths)


def test_values_of_the_network_enter_once_an_order() -> None:
    tables = [
        replace(
            each, network={"a.most": float(n), "a.twice": 2.0 * n, "a.fewest": float(n % 3), "a.all": 4.0}
        )
        for n, each in enumerate(TRAINING)
    ]
    made = Ranked(features=["snip"], values=["a"])
    made.fit(tables)
    assert made.values == ["a.most", "a.fewest"]
    assert made.labels[-2:] == ["a.most", "a.fewest"]
    assert made(tables).values.shape == (len(tables), 1, 3)
