"""The command line: what it prints, where, and its exit status."""

import inspect
import re
import runpy
import subprocess
import sys

import pytest

import parzc
from parzc import config
from parzc.cli import main
from parzc.config import commands


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run a command line in an empty folder and give its status, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delenv("PARZC_DEBUG", raising=False)

    def call(*arguments):
        status = main(arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def label_that(monkeypatch):
    """Replace the command `label` by one that raises, or that keeps what it is called with."""
    real, kept = config.command_function, {}

    def replace(error=None):
        def label(*, space, out: str, architectures: int | str = 300, seeds: int = 3, data="digits", **rest):
            if error is not None:
                raise error
            kept.update(space=space, out=out, architectures=architectures)

        label.__signature__ = inspect.signature(real("label"))
        monkeypatch.setattr(config, "command_function", lambda name: label)
        return kept

    return replace


GOOD = ("label", "space=digits_cell", "out=x.csv")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help_lists_every_command(run, arguments):
    status, out, _ = run(*arguments)
    assert status == 0
    assert all(f"\n  {command.replace('_', ' ')} " in out for command in commands())


def test_a_command_of_two_words(run):
    shown = run("targets", "import", "format=csv", "format.key=cell", "file=a.csv", "out=b.csv", "--show")[1]
    assert "key: cell" in shown
    assert run("targets", "--help")[2].startswith(
        "parzc: error: there is no command 'targets' (did you mean 'targets import'?)"
    )


def test_nothing_typed_is_wrong_usage(run):
    status, out, _ = run()
    assert (status, out.startswith("usage: parzc COMMAND")) == (2, True)


def test_version(run):
    assert run("--version") == (0, f"parzc {parzc.__version__}\n", "")


def test_help_of_a_command_shows_keys_plugins_and_options(run):
    status, out, _ = run("label", "--help")
    assert status == 0
    for part in ("out: ???", "space=NAME, one of", "digits_cell", "space.channels=8", "data.path=???"):
        assert part in out


def test_help_of_a_command_lists_its_experiments(run):
    assert "published_loss" in run("train", "--help")[1]
    assert "published_loss" not in run("label", "--help")[1]


def test_show_prints_the_configuration_and_runs_nothing(run, label_that):
    kept = label_that()
    status, out, _ = run(*GOOD, "--show")
    assert (status, kept) == (0, {})
    assert "name: digits_cell" in out


def test_a_command_gets_plain_values(run, label_that):
    kept = label_that()
    assert run(*GOOD, "architectures=7")[0] == 0
    assert kept == {
        "space": {"name": "digits_cell", "channels": 8, "cells": 1}, "out": "x.csv", "architectures": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lable"], "no command 'lable'"),
        (["label"], "space=…"),
        ([*GOOD, "epohcs=3"], "'epohcs' (did you mean 'epochs'?)"),
        ([*GOOD, "epochs=many"], "epochs: Value 'many'"),
        (["label", "space=digits_sell", "out=x"], "did you mean 'digits_cell'?"),
        ([*GOOD, "--verbose"], "should be key=value, found '--verbose'"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(run, tmp_path, arguments, message):
    status, out, err = run(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("parzc: error: ")
    assert message in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("first\n  second"), "first second"),
        (KeyError("no such column"), "no such column"),
        (FileNotFoundError(2, "No such file", "a.csv"), "[Errno 2] No such file: 'a.csv'"),
        (RuntimeError(), "RuntimeError"),
        (ModuleNotFoundError("No module named 'x'"), "No module named 'x'"),
    ],
)
def test_a_failure_is_one_line_and_status_1(run, label_that, error, message):
    label_that(error)
    assert run(*GOOD) == (1, "", f"parzc: error: {message}\n")


def test_an_interruption_has_its_own_status(run, label_that):
    label_that(KeyboardInterrupt())
    assert run(*GOOD) == (130, "", "parzc: interrupted\n")


def test_a_fault_of_ours_keeps_its_traceback(run, label_that):
    label_that(AssertionError("ours"))
    with pytest.raises(AssertionError, match="ours"):
        run(*GOOD)


def test_debugging_shows_where_an_error_comes_from(run, label_that, monkeypatch):
    label_that(ValueError("here"))
    monkeypatch.setenv("PARZC_DEBUG", "1")
    with pytest.raises(ValueError, match="here"):
        run(*GOOD)


def test_a_module_of_the_current_folder_can_be_named(run, tmp_path):
    (tmp_path / "own_space.py").write_text(
        '__all__ = ["Own"]\n\n\nclass Own:\n    def __init__(self, *, width: int = 4): ...\n'
    )
    status, out, _ = run("label", "space=own_space:Own", "space.width=5", "out=x", "--show")
    assert (status, "width: 5" in out) == (0, True)


def test_help_lists_what_scores_without_training(run):
    for command in ("score", "evaluate"):
        shown = run(command, "--help")[1]
        assert re.search(r"^ *az_nas +AZ-NAS: four proxies", shown, re.MULTILINE)
        assert "\n'proxy=NAME(PROXY,PROXY,…)', one of\n  agreement " in shown
    assert "az_nas" not in run("transfer", "--help")[1]


def test_help_imports_neither_torch_nor_hydra():
    code = "import sys, parzc.cli as c; c.main(['-h']); sys.exit(bool({'torch', 'hydra'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_composing_leaves_nothing_behind(run, tmp_path):
    assert run(*GOOD, "--show")[0] == 0
    assert not list(tmp_path.iterdir())


def test_the_program_runs_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["parzc", "--version"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("parzc", run_name="__main__")
    assert (stopped.value.code, capsys.readouterr().out) == (0, f"parzc {parzc.__version__}\n")
