"""A compact store opens like the one it was made of, ranks alike and is smaller."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parzc import plugins
from parzc.commands.compact import compact
from parzc.commands.extract import extract
from parzc.evaluation.correlation import kendall_tau
from parzc.probing.compact import compact_store, rounded
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.proxy import ParametricProxy, open_proxy
from tests.tables import STATISTICS, tables

READ = ("grad_norm", "snip", "synflow", "l2_norm", "expressivity", "naswot", "activation_variance")
PROXIES = ("grad_norm", "snip", "synflow", "expressivity", "progressivity", "naswot", "live_flops")
SETTINGS = {"space": {"name": "digits_cell", "channels": 4}, "batch": 8, "jobs": 1}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """Twenty networks, read."""
    out = str(tmp_path_factory.mktemp("real") / "features")
    store = extract(**SETTINGS, architectures=20, statistics=READ, out=out)
    assert store is not None
    return store


@pytest.fixture
def made_up(tmp_path: Path) -> FeatureStore:
    store = FeatureStore.create(tmp_path / "features", {"statistics": list(STATISTICS), "seed": 0})
    for item in tables(40).items():
        store.add([item])
    return store


def both(store: FeatureStore, copy: FeatureStore) -> list[tuple[Table, Table]]:
    before, after = store.tables(), copy.tables()
    assert list(before) == list(after)
    return [(before[name], after[name]) for name in before]


def test_what_is_no_statistic_of_a_node_stays(made_up: FeatureStore, tmp_path: Path) -> None:
    for before, after in both(made_up, compact_store(made_up, path=tmp_path / "small")):
        assert after.nodes == before.nodes
        assert after.network == before.network
        assert after.statistics == before.statistics


def test_values_are_off_by_half_a_digit_at_most(made_up: FeatureStore, tmp_path: Path) -> None:
    for before, after in both(made_up, compact_store(made_up, path=tmp_path / "small", bits=10)):
        np.testing.assert_allclose(after.values, before.values, rtol=2**-11)
        np.testing.assert_array_equal(np.isnan(after.values), np.isnan(before.values))


def test_it_is_one_smaller_file(made_up: FeatureStore, tmp_path: Path) -> None:
    small = compact_store(made_up, path=tmp_path / "small")
    assert len(small.shards()) == 1
    assert small.shards()[0].stat().st_size < sum(shard.stat().st_size for shard in made_up.shards()) / 10


def test_what_was_not_finite_is_still_said_to_be_missing(tmp_path: Path) -> None:
    table = next(iter(tables(1).values()))
    table = Table(table.nodes, STATISTICS, table.values, missing=((table.nodes[1].name, "synflow"),))
    store = FeatureStore.create(tmp_path / "features", {"statistics": list(STATISTICS)})
    store.add([(Architecture("a"), table)])
    kept = compact_store(store, path=tmp_path / "kept").tables()[Architecture("a")]
    left = compact_store(store, path=tmp_path / "left", statistics=["snip"]).tables()[Architecture("a")]
    assert (kept.missing, left.missing) == (table.missing, ())


@given(st.floats(), st.integers(1, 52))
def test_rounding(value: float, bits: int) -> None:
    if 0 < abs(value) < 1e-300 or 1e300 < abs(value) < np.inf:
        return
    (found,) = rounded(np.array([value]), bits)
    if value == 0 or not np.isfinite(value):
        np.testing.assert_equal(found, value)
    else:
        assert abs(found - value) <= abs(value) * 2.0 ** -(bits + 1)
        assert np.frexp(found)[0] * 2 ** (bits + 1) % 1 == 0


@pytest.mark.parametrize("name", PROXIES)
def test_rankings_of_proxies_survive(real: FeatureStore, tmp_path: Path, name: str) -> None:
    before, after = zip(*both(real, compact_store(real, path=tmp_path / "small")), strict=True)
    scores = np.stack([open_proxy(name).predict(each)[0] for each in (before, after)])
    known = ~np.isnan(scores)
    assert (known[0] == known[1]).all()
    assert kendall_tau(*scores[:, known[0]]) > 0.999


def test_rankings_of_a_predictor_survive(real: FeatureStore, tmp_path: Path) -> None:
    before, after = zip(*both(real, compact_store(real, path=tmp_path / "small")), strict=True)
    encoding = plugins.build("encodings", "aligned")
    encoding.fit(list(before))
    predictor = plugins.build("predictors", "linear", length=encoding.length, channels=encoding.channels)
    proxy = ParametricProxy(encoding, predictor)
    assert kendall_tau(proxy.predict(before)[0], proxy.predict(after)[0]) > 0.999


def test_chosen_statistics_are_those_that_an_extraction_of_them_gives(
    real: FeatureStore, tmp_path: Path
) -> None:
    chosen = ("snip", "naswot")  # neither reads blocks
    alone = extract(**SETTINGS, architectures=20, statistics=chosen, out=str(tmp_path / "alone"))
    assert alone is not None
    copy = compact_store(real, path=tmp_path / "small", statistics=chosen, bits=52)
    for before, after in both(alone, copy):
        assert after.nodes == before.nodes
        assert after.statistics == before.statistics
        assert after.network == pytest.approx(dict(before.network), nan_ok=True)
        np.testing.assert_allclose(after.values, before.values)


def test_settings_tell_the_rounding_that_was_coarsest(made_up: FeatureStore, tmp_path: Path) -> None:
    coarse = compact_store(made_up, path=tmp_path / "coarse", bits=8)
    again = FeatureStore.open(compact_store(coarse, path=tmp_path / "again", bits=20).path)
    assert again.settings == made_up.settings | {"rounded_to_bits": 8}


def test_nothing_can_be_added_to_it(real: FeatureStore, tmp_path: Path) -> None:
    compact_store(real, path=tmp_path / "small")
    with pytest.raises(ValueError, match="rounded_to_bits was 10, now None"):
        extract(**SETTINGS, architectures=21, statistics=READ, out=str(tmp_path / "small"))


def test_a_killed_copy_is_no_store(made_up: FeatureStore, tmp_path: Path, monkeypatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FeatureStore, "create", killed)
        with pytest.raises(KeyboardInterrupt):
            compact_store(made_up, path=tmp_path / "small")
    with pytest.raises(FileNotFoundError):
        FeatureStore.open(tmp_path / "small")
    assert len(compact_store(made_up, path=tmp_path / "small").tables()) == 40


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bits": 0}, ValueError, "from 1 to 52"),
        ({"statistics": ["snap"]}, LookupError, "no snap to keep; there are snip, synflow, fisher"),
        ({"out": "features"}, ValueError, "a new folder, but .* holds a feature store"),
    ],
)
def test_what_cannot_be_done(made_up, tmp_path, monkeypatch, options, error, message) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        compact(**{"features": str(made_up.path), "out": "small", **options})


def part(store: FeatureStore, path: Path, statistics: tuple[str, ...], **settings: object) -> FeatureStore:
    """Read the same again, with other statistics."""
    copy = FeatureStore.create(path, store.settings | {"statistics": list(statistics)} | settings)
    chosen = [STATISTICS.index(name) for name in statistics]
    network = {f"of_{name}": 7.0 for name in statistics}
    copy.add(
        (
            name,
            Table(table.nodes, statistics, table.values[:, chosen], table.network | network, table.missing),
        )
        for name, table in store.tables().items()
    )
    return copy


def test_columns_of_several_stores_stand_side_by_side(made_up: FeatureStore, tmp_path: Path) -> None:
    first = part(made_up, tmp_path / "a", ("synflow",))
    second = part(made_up, tmp_path / "b", ("synflow", "snip"), seed=1)
    joined = compact_store(first, second, path=tmp_path / "small", bits=52)
    wanted = part(made_up, tmp_path / "c", ("synflow", "snip"))
    for before, after in both(wanted, joined):
        assert after.nodes == before.nodes
        assert after.network == before.network
        np.testing.assert_array_equal(after.values, before.values)
    assert joined.settings["seed"] == 0
    assert joined.settings["joined"] == [{"statistics": ["snip"], "seed": 1}]


def test_stores_that_do_not_fit_together(made_up: FeatureStore, tmp_path: Path) -> None:
    abroad = part(made_up, tmp_path / "a", ("snip",), space={"name": "abroad"})
    with pytest.raises(ValueError, match="should be of one space"):
        compact_store(made_up, abroad, path=tmp_path / "small")
    few = FeatureStore.create(tmp_path / "b", made_up.settings)
    few.add(list(made_up.tables().items())[1:])
    with pytest.raises(ValueError, match="every architecture of the first store, lacks cells-0"):
        compact_store(made_up, few, path=tmp_path / "small")


def test_a_later_store_may_have_more_architectures(made_up: FeatureStore, tmp_path: Path) -> None:
    few = FeatureStore.create(tmp_path / "b", made_up.settings | {"statistics": ["synflow"]})
    few.add(list(part(made_up, tmp_path / "a", ("synflow",)).tables().items())[5:])
    joined = compact_store(few, part(made_up, tmp_path / "c", ("snip",)), path=tmp_path / "small", bits=52)
    wanted = made_up.tables()
    assert len(joined.architectures()) == len(few.architectures())
    for name, table in joined.tables().items():
        np.testing.assert_array_equal(table.column("snip"), wanted[name].column("snip"))


def test_values_of_nodes_that_the_first_store_lacks_are_not_dropped(
    made_up: FeatureStore, tmp_path: Path
) -> None:
    short = FeatureStore.create(tmp_path / "a", {"statistics": ["snip"]})
    for name, table in made_up.tables().items():
        short.add([(name, Table(table.nodes[:-1], ("snip",), table.values[:-1, :1]))])
    with pytest.raises(ValueError, match="a node that the first store lacks; name that store first"):
        compact_store(short, made_up, path=tmp_path / "small")


def test_the_command_tells_what_it_saved(made_up: FeatureStore, tmp_path: Path, capsys) -> None:
    compact(features=str(made_up.path), out=str(tmp_path / "small"), statistics=["snip"])
    assert "MB, " in capsys.readouterr().out
    assert (tmp_path / "small" / "run.json").is_file()
