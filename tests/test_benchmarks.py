"""Benchmarks that need large data, run on made-up tables."""

import importlib.util
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from parzc.spaces.nasbench201 import NASBench201
from tests.tables import as_list, tables, write_store

FOLDER = Path(__file__).parents[1] / "benchmarks"


def run(name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    module.main()


def test_proxies_are_set_beside_published_numbers(tmp_path: Path, monkeypatch, capsys) -> None:
    cells = NASBench201().sample(40, 0)
    features, targets = write_store(tmp_path, dict(zip(cells, as_list(tables(40)), strict=True)))
    frame = pd.read_csv(targets)
    frame["other"] = 1 - frame["accuracy"]
    frame.to_csv(targets, index=False)
    proxies = ["synflow", "snip", "naswot", "flops", "vote(synflow,snip)"]
    options = ["--features", features, features, "--targets", targets, "--columns", "accuracy", "other"]
    run(
        "proxies_nasbench201",
        [*options, "--proxies", *proxies, "--out", str(tmp_path / "o.json")],
        monkeypatch,
    )
    printed, notes = capsys.readouterr()
    first, second = (part.splitlines()[2:] for part in printed.split("\n\n"))
    assert [line.split(" | ")[0] for line in first] == [
        "| synflow",
        "| snip",
        "| flops",
        "| vote(synflow,snip)",
    ]
    assert "note: naswot is left out: the table has no value 'naswot'" in notes
    assert len([line for line in second if line.startswith("| synflow | kendall_tau")]) == 4
    results = json.loads((tmp_path / "o.json").read_text())
    numbers = results["snip"][0]["numbers"]
    assert numbers["kendall_tau/all/accuracy"] == -numbers["kendall_tau/all/other"] != 0
    assert len(results["snip"]) == 2
    assert results["synflow"][0]["numbers"]["pairwise/all/accuracy"] == pytest.approx(
        (1 + results["synflow"][0]["numbers"]["kendall_tau/all/accuracy"]) / 2
    )
