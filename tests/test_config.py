"""Composed configurations, with a command and a plug-in of the test's own."""

import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from parzc import plugins
from parzc.config import GROUPS, as_yaml, command_function, commands, compose
from parzc.overrides import ConfigurationError, Override
from parzc.schema import options
from parzc.shipped import shipped

PRIMARY = """\
defaults:
  - space: ???
  - data: null
  - _self_
  - experiment: null
out: ???
architectures: 3
seed: 0
names: [a, b]
input: null
shape: [1, 2]
"""
EXPERIMENT = """\
# @package _global_
defaults:
  - override /data: npz
seed: 5
out: from-experiment
data:
  path: foo.npz
"""
PLUGIN = """\
__all__ = ["Mine"]


class Mine:
    def __init__(self, *, alpha: float = 1.0, shape: tuple[int, ...] = (1,), classes: int = 10): ...
"""


def toy(
    *,
    space: str | Mapping[str, Any],
    out: str,
    data: str | Mapping[str, Any] | None = None,
    architectures: int | str = 3,
    seed: int = 0,
    names: Sequence[str] = ("a", "b"),
    input: str | None = None,
    shape: tuple[int, ...] = (1, 2),
): ...


@pytest.fixture
def composed(tmp_path, monkeypatch):
    """Compose for `toy`, with `mylab_space` importable."""
    (tmp_path / "conf/experiment").mkdir(parents=True)
    (tmp_path / "conf/toy.yaml").write_text(PRIMARY)
    (tmp_path / "conf/experiment/good.yaml").write_text(EXPERIMENT)
    (tmp_path / "mylab_space.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield lambda *typed: compose("toy", typed, function=toy, conf=tmp_path / "conf")
    sys.modules.pop("mylab_space", None)


def test_defaults_and_options_are_all_there(composed):
    assert composed("space=nasbench201", "out=x") == {
        "space": {"name": "nasbench201", "channels": 16, "cells": 5},
        "out": "x",
        "data": None,
        "architectures": 3,
        "seed": 0,
        "names": ["a", "b"],
        "input": None,
        "shape": (1, 2),
    }


def test_options_of_a_plugin_are_dotted_keys(composed):
    values = composed("space=nasbench201", "space.channels=8", "data=npz", "data.path=x.npz", "out=x")
    assert values["space"]["channels"] == 8
    assert values["data"]["path"] == "x.npz"


def test_a_plugin_from_outside(composed):
    values = composed("space=mylab_space:Mine", "space.alpha=2", "space.shape=[3,4]", "out=x")
    assert values["space"] == {"name": "mylab_space:Mine", "alpha": 2.0, "shape": (3, 4)}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "pkg.mod:build",
            "3x32x32",
            "vote(a,b)",
            "a|b~0",
            "it's",
            'say"hi"',
            "C:\\dir\\",
            "a=b",
            "1e5",
            "007",
        ),
        *(
            "true",
            "[x",
            "{x",
            "~",
            "$HOME",
            "#1",
            "é…",
            "null0",
            "a,b",
            "a b",
            " a",
            "|nor_conv_3x3~0|+|none~0|",
        ),
        *("pkg:f(depth=3, width=64)", "depth:3-width:32", "???0", "-"),
    ],
)
def test_text_gets_through_unharmed(composed, text):
    assert composed("space=digits_cell", f"out={text}", f"input={text}")["input"] == text


def test_text_in_quotes_loses_them(composed):
    assert composed("space=digits_cell", "out='a b'")["out"] == "a b"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("architectures=all", "all"), ("architectures=12", 12), ("architectures=a/b.txt", "a/b.txt")],
)
def test_a_number_or_text(composed, typed, expected):
    assert composed("space=digits_cell", "out=x", typed)["architectures"] == expected


@pytest.mark.parametrize("typed", ["names=c,d|e", "names=[c,'d|e']", 'names=["c", "d|e"]'])
def test_lists_have_two_spellings(composed, typed):
    assert composed("space=digits_cell", "out=x", typed)["names"] == ["c", "d|e"]


def test_one_word_is_a_list_of_one(composed):
    assert composed("space=digits_cell", "out=x", "names=c")["names"] == ["c"]


def test_one_number_is_a_list_of_one():
    assert compose("evaluate", ["budgets=78"])["budgets"] == [78]


@pytest.mark.parametrize("typed", ["experiment=good", "+experiment=good", "experiment={file}"])
def test_an_experiment_replaces_defaults_and_is_replaced_by_what_is_typed(composed, tmp_path, typed):
    file = tmp_path / "conf/experiment/good.yaml"
    values = composed("space=digits_cell", typed.format(file=file), "out=typed")
    assert (values["seed"], values["out"], values["data"]["path"]) == (5, "typed", "foo.npz")


def test_a_plugin_can_be_unset(composed):
    assert composed("space=digits_cell", "data=noise", "data=null", "out=x")["data"] is None


def test_the_last_of_two_choices_wins(composed):
    assert composed("space=digits_cell", "space=nasbench201", "out=x")["space"]["name"] == "nasbench201"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ([], f"space=…, one of {', '.join(plugins.available('spaces'))}"),
        (["space=digits_cell"], "a value is missing, say out=…"),
        (["space=digits_cell", "out=x", "data=npz"], "a value is missing, say data.path=…"),
        (["space=digits_cel", "out=x"], "space has no 'digits_cel' (did you mean 'digits_cell'?); there are"),
        (["space=no_such:Thing", "out=x"], "cannot import 'no_such'"),
        (["space=mylab_space:Mime", "out=x"], "has no 'Mime'"),
        (["space=[a,b]", "out=x"], "space should be one name"),
        (
            ["space=digits_cell", "out=x", "space.chanels=1"],
            "no key 'space.chanels' (did you mean 'channels'?)",
        ),
        (["space=digits_cell", "out=x", "space.channels=abc"], "space.channels: Value 'abc'"),
        (["space=digits_cell", "out=x", "space.classes=3"], "no key 'space.classes'"),
        (
            ["space=digits_cell", "out=x", "data.path=1"],
            "data has options only once it is chosen, say data=…",
        ),
        (
            ["space=digits_cell", "out=x", "sed=1"],
            "no key 'sed' (did you mean 'seed'?); the keys are space, out",
        ),
        (["space=digits_cell", "out=x", "seed=abc"], "seed: Value 'abc'"),
        (["space=digits_cell", "out=x", "seed=1.5"], "seed: Value '1.5'"),
        (["space=digits_cell", "out=x", "seed=1,2"], "seed: Value '1,2'"),
        (["space=digits_cell", "out=x", "seed.a=1"], "seed takes one value"),
        (["space=digits_cell", "out=x", "shape=[1,b]"], "shape[1]: Value 'b'"),
        (["space=digits_cell", "out=null"], "out: "),
        (
            ["space=mylab_space:Mine", "space.shape=1,2", "out=x"],
            "space.shape should be a list, such as [a,b]",
        ),
        (["space=digits_cell", "out=x", "seed"], "should be key=value, found 'seed'"),
        (["space=digits_cell", "out=x", "=1"], "should be key=value, found '=1'"),
        (["space=digits_cell", "out=x", "experiment=bad"], "experiment has no 'bad'"),
        (["space=digits_cell", "out=x", "experiment=bad.yaml"], "found no file 'bad.yaml'"),
        (["space=digits_cell", "out=x", "data={name:npz}"], "data should be one name"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(composed, typed, message):
    with pytest.raises(ConfigurationError) as caught:
        composed(*typed)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["sed: 1", "a: [", "- 1"])
def test_a_broken_experiment_is_said_in_one_line(composed, tmp_path, text):
    file = tmp_path / "broken.yaml"
    file.write_text(f"# @package _global_\n{text}\n")
    with pytest.raises(ConfigurationError) as caught:
        composed("space=digits_cell", "out=x", f"experiment={file}")
    assert "\n" not in str(caught.value)


def test_settings_as_yaml_can_be_an_experiment(composed, tmp_path):
    values = composed("space=digits_cell", "out=x", "seed=7")
    assert "seed: 7" in as_yaml(values)


def test_an_override_of_nothing_is_empty_text():
    assert Override("out", "", str).quoted() == "out="


def test_an_unknown_command_is_answered_with_the_list():
    with pytest.raises(ConfigurationError, match=r"no command 'lable' \(did you mean 'label'"):
        command_function("lable")


@pytest.mark.parametrize("command", commands())
def test_the_primary_file_of_a_command_has_its_keywords_and_defaults(command):
    """The YAML is what a person reads and the signature what a notebook calls: they should say the same."""
    function = command_function(command)
    known = options(function)
    required = [name for name, parameter in known.items() if parameter.default is parameter.empty]
    given = [f"{name}=it" for name in required if name not in GROUPS]
    chosen = [f"{name}={plugins.available(GROUPS[name].kind)[0]}" for name in required if name in GROUPS]
    values = compose(command, given + chosen, function=function)
    assert list(values) == list(known)
    for name, parameter in known.items():
        if name not in required:
            default = parameter.default
            if name in GROUPS and default is not None:
                assert values[name]["name"] == (default if isinstance(default, str) else default["name"])
            else:
                assert values[name] == (list(default) if isinstance(values[name], list) else default), name


@pytest.mark.parametrize("command", commands())
def test_the_primary_file_of_a_command_names_every_keyword(command):
    text = (shipped("conf") / f"{command}.yaml").read_text()
    for name in options(command_function(command)):
        assert f"\n{name}:" in text or f"\n  - {name}:" in text, name


@pytest.mark.parametrize("command", commands())
def test_every_key_of_a_primary_file_has_a_comment(command):
    lines = (shipped("conf") / f"{command}.yaml").read_text().splitlines()
    keys = [line for line in lines if ":" in line and not line.startswith("#") and "_self_" not in line]
    assert not [
        line for line in keys if "#" not in line and not line.startswith(("defaults:", "  - experiment:"))
    ]


@pytest.mark.parametrize(
    "file", sorted(shipped("conf/experiment").glob("*.yaml")), ids=lambda file: file.stem
)
def test_every_experiment_runs_as_its_comment_says(file):
    command, *typed = re.search(r"#   parzc (.*)", file.read_text())[1].split()
    assert f"experiment={file.stem}" in typed
    assert compose(command, typed)
