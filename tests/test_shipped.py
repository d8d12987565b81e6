"""What travels with the package opens by its name."""

import shutil
from pathlib import Path

import pytest

import parzc
from parzc import plugins, shipped
from parzc.cli import main
from parzc.commands.evaluate import evaluate
from parzc.evaluation.leaderboard import read_entries
from parzc.probing.store import FeatureStore
from parzc.proxy import load_proxy, open_proxy
from parzc.shipped import shipped_features, shipped_proxies
from tests.proxies_to_load import proxy
from tests.tables import tables, write_store


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that ships the features `made_up` and the proxy `small`, seen from an empty folder."""
    package = tmp_path / "package"
    shutil.copytree(shipped.shipped("conf"), package / "conf")
    write_store(package / "data", tables(12))
    (package / "data" / "features").rename(package / "data" / "made_up")
    (package / "data" / "features").mkdir()
    (package / "data" / "made_up").rename(package / "data" / "features" / "made_up")
    (package / "data" / "proxies").mkdir()
    proxy().save(package / "data" / "proxies" / "small.parzc")
    monkeypatch.setattr(shipped, "_PACKAGE", package)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return package


def test_what_is_shipped_is_listed(place: Path) -> None:
    assert shipped_features() == {"made_up": place / "data" / "features" / "made_up"}
    assert shipped_proxies() == {"small": place / "data" / "proxies" / "small.parzc"}


def test_a_package_may_ship_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "package")
    assert (shipped_features(), shipped_proxies()) == ({}, {})


def test_features_open_by_name(place: Path) -> None:
    assert len(FeatureStore.open("made_up").tables()) == 12


def test_a_folder_of_that_name_comes_first(place: Path) -> None:
    FeatureStore.create("made_up", {"statistics": ["snip"]})
    assert FeatureStore.open("made_up").settings == {"statistics": ["snip"]}


def test_extraction_into_a_folder_of_that_name_leaves_what_is_shipped(place: Path) -> None:
    store = FeatureStore.create("made_up", {"statistics": ["snip"]})
    assert store.path.resolve() == Path("made_up").resolve()


def test_a_proxy_opens_by_name(place: Path) -> None:
    for opened in (parzc.load_proxy("small"), open_proxy("small")):
        assert opened.metadata["training"] == ["a", "b"]


def test_a_proxy_opens_by_name_in_an_aggregate(place: Path) -> None:
    assert open_proxy("az_rank(small,synflow)").metadata["training"] == ["a", "b"]


def test_a_leaderboard_carries_a_shipped_proxy(place: Path) -> None:
    assert read_entries("small,snip")["small"] == {"name": "transferred", "proxy": "small"}


def test_a_misspelt_name_is_answered_with_what_is_shipped(place: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Those that parzc ships are made_up"):
        FeatureStore.open("made_down")
    with pytest.raises(FileNotFoundError, match="Those that parzc ships are small"):
        load_proxy("smaller")
    with pytest.raises(plugins.UnknownPluginError, match="Those that parzc ships are small"):
        open_proxy("smaller")


def test_a_command_takes_both_names(place: Path) -> None:
    options = {"targets": str(place / "data" / "targets.csv"), "target": "accuracy"}
    assert evaluate(proxy="snip", features="made_up", **options)["n"] == 12


def test_help_lists_what_is_shipped(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["evaluate", "--help"])
    out = capsys.readouterr().out
    assert "features=NAME, one of those that parzc ships\n  made_up" in out
    assert "proxy=NAME, one of those that parzc ships\n  small" in out


def test_no_learned_proxy_has_the_name_of_a_training_free_one() -> None:
    assert not shipped_proxies().keys() & set(plugins.available("proxies"))


@pytest.mark.parametrize("name", shipped_proxies())
def test_a_shipped_proxy_is_small_and_has_a_card(name: str) -> None:
    file = shipped_proxies()[name]
    assert file.stat().st_size < 1_000_000
    assert name in file.with_suffix(".md").read_text()
    assert load_proxy(name).statistics


@pytest.mark.parametrize("name", shipped_features())
def test_shipped_features_open_and_are_on_the_card(name: str) -> None:
    store = FeatureStore.open(name)
    assert store.architectures()
    assert f"`{name}`" in (shipped_features()[name].parent / "README.md").read_text()


def test_shipped_features_are_small() -> None:
    stores = [FeatureStore.open(name) for name in shipped_features()]
    assert sum(shard.stat().st_size for store in stores for shard in store.shards()) < 15_000_000
