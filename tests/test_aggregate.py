"""Aggregates as proxies: members, populations, references."""

import numpy as np
import pytest

from parzc import plugins
from parzc.aggregate import AggregateProxy, ReferencedProxy, aggregate, open_named
from parzc.aggregations.az_rank import az_rank
from parzc.aggregations.rank_sum import rank_sum
from parzc.aggregations.vote import vote
from parzc.datasets.digits import Digits
from parzc.probing.extract import extract
from parzc.protocol import Proxy
from parzc.proxy import open_proxy
from parzc.spaces.digits_cell import DigitsCell
from parzc.training_free import CHEAPEST
from tests.proxies_to_load import batch, network, proxy, tables

STATISTICS = ("snip", "grad_norm", "synflow")
NESTED = "rank_sum(vote(snip,grad_norm,synflow),az_rank(flops,params))"


def population() -> list:
    return tables(8, STATISTICS)


def scores_of(*names: str) -> np.ndarray:
    return np.stack([open_named(name).predict(population())[0] for name in names])


@pytest.mark.parametrize(("name", "function"), [("az_rank", az_rank), ("rank_sum", rank_sum), ("vote", vote)])
def test_it_aggregates_the_scores_of_its_members(name: str, function) -> None:
    scores, sd = open_proxy(f"{name}(snip,flops,synflow)").predict(population())
    np.testing.assert_array_equal(scores, function(scores_of("snip", "flops", "synflow")))
    assert (sd == 0).all()


def test_an_aggregate_may_be_a_member() -> None:
    inner = [vote(scores_of("snip", "grad_norm", "synflow")), az_rank(scores_of("flops", "params"))]
    np.testing.assert_array_equal(open_proxy(NESTED).predict(population())[0], rank_sum(np.stack(inner)))


def test_a_learned_proxy_may_be_a_member(tmp_path) -> None:
    proxy().save(tmp_path / "a.parzc")
    opened = open_proxy(f"rank_sum({tmp_path / 'a.parzc'},snip)")
    scores = np.stack([proxy().predict(tables())[0], open_named("snip").predict(tables())[0]])
    np.testing.assert_allclose(opened.predict(tables())[0], rank_sum(scores))
    assert opened.metadata["training"] == ["a", "b"]
    assert opened.statistics == ("snip", "l2_norm")


@pytest.mark.parametrize("made", [lambda opened: opened, lambda opened: opened.reference(population())])
def test_it_is_a_proxy(made) -> None:
    found = made(open_proxy(NESTED))
    assert isinstance(found, Proxy)
    assert found.metadata == {}
    assert found.statistics == STATISTICS


def test_statistics_are_what_the_members_read_and_no_more() -> None:
    assert open_proxy("az_rank(synflow,params,flops,synflow)").statistics == ("synflow",)
    assert open_proxy("az_rank(params,flops)").statistics == CHEAPEST


def test_the_order_of_arrival_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(8)
    opened, all_tables = open_proxy(NESTED), population()
    turned = opened.predict([all_tables[place] for place in order])[0]
    np.testing.assert_array_equal(turned, opened.predict(all_tables)[0][order])


def test_tables_may_be_measured_bit_by_bit() -> None:
    opened, all_tables = open_proxy(NESTED), population()
    parts = [opened.measure(all_tables[:3]), opened.measure([]), opened.measure(all_tables[3:])]
    np.testing.assert_array_equal(
        opened.combine(np.concatenate(parts, axis=1)), opened.predict(all_tables)[0]
    )


def test_a_missing_score_is_last_and_spoils_no_other(tmp_path, monkeypatch) -> None:
    lines = "def first(table):\n    return float('nan') if table.nodes[0].out_channels == 4 else 1.0\n"
    (tmp_path / "mylab_first.py").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)
    scores = open_proxy("rank_sum(mylab_first:first)").predict(population())[0]
    assert scores.tolist() == [5, 5, 1, 5, 5, 5, 5, 5]


def test_one_network_alone_has_no_score() -> None:
    with pytest.raises(ValueError, match=r"one alone: .* predict\(tables\).* reference\(tables\)"):
        open_proxy(NESTED)(network(), batch())


@pytest.mark.parametrize("spec", [NESTED, "vote(snip,flops)", "az_rank(snip,flops,params)"])
def test_a_reference_gives_its_own_tables_the_scores_of_the_aggregate(spec: str) -> None:
    opened = open_proxy(spec)
    referenced = opened.reference(population())
    np.testing.assert_array_equal(referenced.predict(population())[0], opened.predict(population())[0])


def test_a_reference_scores_a_network_whatever_the_others_are() -> None:
    referenced = open_proxy(NESTED).reference(population()[:5])
    together, _ = referenced.predict(population())
    alone = [referenced.predict([table])[0][0] for table in population()]
    np.testing.assert_array_equal(together, alone)


def test_a_reference_scores_one_network() -> None:
    referenced = open_proxy("rank_sum(params,snip)").reference(population())
    assert isinstance(referenced, ReferencedProxy)
    net = network(width=5)
    assert referenced(net, batch()) == referenced.predict([extract(net, batch(), STATISTICS)])[0][0]


def test_a_reference_never_scores_more_for_less() -> None:
    referenced = open_proxy("az_rank(params)").reference(population())
    wide = [referenced(network(width=width, depth=2), batch()) for width in range(1, 14)]
    assert wide == sorted(wide)
    assert len(set(wide)) > 4


def test_a_reference_needs_a_population() -> None:
    with pytest.raises(ValueError, match="at least one table, got none"):
        open_proxy(NESTED).reference([])


def test_a_declared_aggregate_gets_its_members_in_order() -> None:
    @aggregate("snip", "flops")
    def first_only(scores, population=None):
        """Keep the first."""
        return scores[0]

    assert first_only.members == ("snip", "flops")
    assert first_only.__name__ == "first_only"
    made = AggregateProxy(first_only, [open_named(name) for name in first_only.members])
    np.testing.assert_array_equal(made.predict(population())[0], scores_of("snip")[0])


def test_a_misspelt_aggregation_is_answered_with_the_list() -> None:
    with pytest.raises(
        plugins.UnknownPluginError, match="did you mean 'vote'. Available: agreement, az_rank, rank_sum"
    ):
        open_proxy("voet(snip,flops)")


def test_a_misspelt_member_is_answered_with_the_list() -> None:
    with pytest.raises(plugins.UnknownPluginError, match="did you mean 'snip'") as error:
        open_proxy("vote(vote(snipp,flops),params)")
    assert str(error.value).count("A learned proxy is a file") == 1


def test_a_reference_reads_networks_like_its_population():
    space = DigitsCell()
    networks = [space.build(name) for name in space.sample(4, 0)]
    images = Digits().load().batch(6, 0)
    chosen = open_named("az_rank(expressivity,snip)")
    read = [extract(network, images, chosen.statistics, block_inputs="noise") for network in networks]
    alike = chosen.reference(read, block_inputs="noise")
    assert [alike(network, images) for network in networks] == alike.predict(read)[0].tolist()
