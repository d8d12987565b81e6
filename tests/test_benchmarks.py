"""Benchmarks that need large data, run on made-up tables."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from parzc.encodings.ranked import Ranked
from parzc.predictors.gaussian_process import GaussianProcess
from parzc.proxy import ParametricProxy
from parzc.spaces.nasbench201 import NASBench201
from tests.tables import STATISTICS, as_list, tables, write_store

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


def test_carried_proxies_are_set_beside_their_rivals(tmp_path: Path, monkeypatch, capsys) -> None:
    names = [json.dumps({"width": 8 * i, "heads": [i, 2, 3]}) for i in range(1, 71)]
    features, targets = write_store(tmp_path, dict(zip(names, as_list(tables(70)), strict=True)))
    encoding = Ranked(features=["snip", "weights"])
    encoding.fit(as_list(tables(30, start=100)))
    predictor = GaussianProcess(length=1, channels=encoding.channels)
    ParametricProxy(encoding, predictor, {}).save(tmp_path / "prior.parzc")
    options = ["--features", features, "--targets", targets, "--target", "accuracy", "--splits", "2"]
    proxy = ["--proxy", f"transferred={tmp_path}/prior.parzc", "--out", str(tmp_path / "o.json")]
    run("transfer_vit", [*options, *proxy], monkeypatch)
    found = json.loads((tmp_path / "o.json").read_text())["accuracy"]
    assert list(found)[:4] == ["transferred", "params", "depth", "best proxy by the labels"]
    assert found["random forest"]["0"][0] == 0 != found["random forest"]["50"][0]
    assert found["transferred"]["0"][0] != found["transferred"]["5"][0]
    assert len(capsys.readouterr().out.splitlines()) == len(found)


def test_priors_are_chosen_on_the_sources(tmp_path: Path, monkeypatch, capsys) -> None:
    spaces = []
    for i in range(3):
        (tmp_path / str(i)).mkdir()
        spaces.append(write_store(tmp_path / str(i), tables(60, start=100 * i, prefix=f"space{i}")))
    experiment = tmp_path / "experiment.yaml"
    experiment.write_text(
        "defaults: [{override /encoding: ranked}, {override /predictor: gaussian_process}]\n"
        "encoding: {features: [snip, weights]}\nvalidation: 0\nbudget: 20\nepochs: 2\n"
    )
    options = ["--experiment", str(experiment), "--target", *["accuracy"] * 3, "--splits", "2"]
    options += ["--features", *(str(f) for f, _ in spaces), "--targets", *(str(t) for _, t in spaces)]
    run(
        "transfer_sources", [*options, "--set", "kl_weight=1", "--out", str(tmp_path / "o.json")], monkeypatch
    )
    found = json.loads((tmp_path / "o.json").read_text())
    assert list(found) == ["kl_weight=1"]
    assert [list(each) for each in found["kl_weight=1"].values()] == [["0", "5", "20", "50"]] * 3
    assert "kl_weight=1 mean" in capsys.readouterr().out


def test_proxies_are_compared_in_parts_of_spaces(tmp_path: Path, monkeypatch, capsys) -> None:
    features, targets = write_store(tmp_path, tables(90))
    out = tmp_path / "o.json"
    options = ["--features", features, "--targets", targets, "--target", "accuracy", "--by", "flops", "snip"]
    proxies = ["--proxy", "synflow", "snip", "agreement(synflow,snip,fisher)", "--pools", "20"]
    run("parts_of_spaces", [*options, *proxies, "--out", str(out)], monkeypatch)
    results = json.loads(out.read_text())[features]
    assert set(results) == {"thirds", "pools of 20"}
    assert results["pools of 20"]["snip"] > 0.3 > results["pools of 20"]["synflow"]  # targets follow snip
    assert capsys.readouterr().out.count("mean") == 2


def test_courses_of_other_runs_are_drawn_along(tmp_path: Path, monkeypatch, capsys) -> None:
    space = NASBench201()
    cells = list(dict.fromkeys(space.canonical(cell) for cell in space.sample(60, 0)))[:30]
    statistics = [*STATISTICS, "grad_norm", "activation_variance", "output_gradient_norm"]
    made = {
        cell: replace(
            each,
            statistics=tuple(statistics),
            values=np.hstack([each.values, each.values[:, : len(statistics) - len(STATISTICS)]]),
        )
        for cell, each in zip(cells, as_list(tables(30)), strict=True)
    }
    features, targets = write_store(tmp_path, made)
    options = ["--features", features, "--targets", targets, "--signal", "accuracy", "--report", "accuracy"]
    options += ["--budget", "6", "--runs", "2", "--goal", "0"]
    other = [*options, "--strategies", "random", "--out", str(tmp_path / "random")]
    run("search_queries_nasbench201", other, monkeypatch)
    drawn: dict[str, object] = {}
    monkeypatch.setattr(
        "parzc.searching.report.plot_courses", lambda path, courses, **options: drawn.update(courses)
    )
    both = [
        *options,
        "--strategies",
        "ours",
        "--label",
        ", told all",
        "--also",
        str(tmp_path / "random.json"),
    ]
    run("search_queries_nasbench201", [*both, "--out", str(tmp_path / "ours")], monkeypatch)
    assert set(drawn) == {"random", "ours, told all"}
    found = json.loads((tmp_path / "ours.json").read_text())
    assert list(found) == ["ours, told all"]
    assert np.array(found["ours, told all"]["courses"]).shape == (2, 1, 6)
    assert [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines()] == ["| random", "| ours"]
    assert (tmp_path / "random.png").read_bytes().startswith(b"\x89PNG")
