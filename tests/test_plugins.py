"""The file name is the configuration name."""

import sys
from pathlib import Path

import pytest

from parzc import plugins
from parzc.spaces.nasbench201 import NASBench201


def test_lists_files() -> None:
    assert "snip" in plugins.available("statistics")
    assert not any(name.startswith("_") for name in plugins.available("statistics"))


def test_misspelt_name_gets_a_suggestion() -> None:
    with pytest.raises(
        plugins.UnknownPluginError, match=r"'synflo', did you mean 'synflow'\? Available: .*snip"
    ):
        plugins.load("statistics", "synflo")


def test_name_unlike_any_other_gets_the_list() -> None:
    with pytest.raises(plugins.UnknownPluginError, match=r"no 'qqqq'\. Available"):
        plugins.load("statistics", "qqqq")


@pytest.mark.parametrize("name", ["lab.stats", "lab.stats:mine"])
def test_dotted_name_loads_from_outside(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "stats.py").write_text("__all__ = ['mine']\ndef mine(): return 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lab.stats", raising=False)
    assert plugins.load("statistics", name)() == 7


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such.module", "cannot import"),
        ("json:nothing", "has no 'nothing'"),
        ("os.path", "one export in __all__"),
    ],
)
def test_bad_dotted_name(name: str, message: str) -> None:
    with pytest.raises(plugins.UnknownPluginError, match=message):
        plugins.load("statistics", name)


def test_build_passes_facts_unless_the_specification_says_otherwise() -> None:
    assert plugins.build("spaces", "nasbench201", classes=3, image_shape=(1, 8, 8), other=1).classes == 3
    spec = {"name": "nasbench201", "classes": 5}
    assert plugins.build("spaces", spec, classes=3).classes == 5
    assert spec == {"name": "nasbench201", "classes": 5}


def test_build_returns_an_instance_as_it_is() -> None:
    space = NASBench201()
    assert plugins.build("spaces", space) is space


def test_build_names_unknown_options() -> None:
    with pytest.raises(TypeError, match=r"nasbench201 takes the options channels, .*; got chanels"):
        plugins.build("spaces", {"name": "nasbench201", "chanels": 3})
