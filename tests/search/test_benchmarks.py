"""Benchmarks of search, run on made-up tables."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from parzc.probing.store import FeatureStore
from parzc.spaces.nasbench201 import NASBench201
from tests.tables import STATISTICS, table
from tests.test_benchmarks import run

SPACE = NASBench201()
CELLS = list(SPACE.architectures())


@pytest.fixture
def targets(tmp_path: Path) -> str:
    """Accuracies of all cells, higher with every convolution."""
    convolutions = np.array([cell.count("nor_conv") for cell in CELLS])
    frame = pd.DataFrame({"arch_str": CELLS, "one": 50 + 5 * convolutions + np.arange(len(CELLS)) / 1e5})
    frame.assign(two=frame["one"] - 1).to_csv(tmp_path / "targets.csv", index=False)
    return str(tmp_path / "targets.csv")


@pytest.fixture
def features(tmp_path: Path) -> str:
    """Tables of some canonical cells, with more nodes for more convolutions."""
    chosen = sorted({SPACE.canonical(cell) for cell in SPACE.sample(120, 0)})
    store = FeatureStore.create(tmp_path / "features", {"statistics": list(STATISTICS)})
    store.add((cell, table(index, nodes=3 + cell.count("nor_conv"))) for index, cell in enumerate(chosen))
    return str(tmp_path / "features")


def test_a_simulation_is_set_beside_another(tmp_path: Path, targets: str, monkeypatch, capsys) -> None:
    canonical = [index for index, cell in enumerate(CELLS) if SPACE.canonical(cell) == cell]
    frame = pd.DataFrame({"index": canonical, "synflow": [CELLS[index].count("conv") for index in canonical]})
    frame.to_csv(tmp_path / "proxies.csv", index=False)
    options = [
        "--targets",
        targets,
        "--target",
        "one",
        "--proxies",
        str(tmp_path / "proxies.csv"),
        "--runs",
        "1",
    ]
    run("search_nasbench201", options, monkeypatch)
    rows = {line.split(" | ")[0]: line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]}
    assert float(rows["| RAND+W15625"][1]) >= 79
    assert float(rows["| RAND"][1]) < float(rows["| RAND"][8]) <= 80.2


def test_the_best_of_some_is_chosen_by_each_proxy(targets: str, features: str, monkeypatch, capsys) -> None:
    options = ["--features", features, "--targets", targets, "--columns", "one", "two", "--cells", "200"]
    run("best_of_nasbench201", [*options, "--proxies", "params", "rank_sum(snip,params)"], monkeypatch)
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[4:]]
    assert [row[0] for row in rows] == ["| params", "| rank_sum(snip,params)", "| best in the set"]
    means = [float(row[1].split(" ± ")[0]) for row in rows]
    assert max(means) == means[2]


def test_queries_are_counted(tmp_path: Path, targets: str, features: str, monkeypatch, capsys) -> None:
    options = [
        "--features",
        features,
        "--targets",
        targets,
        "--signal",
        "one",
        "--report",
        "two",
        "--goal",
        "60",
    ]
    options += ["--runs", "2", "--budget", "8", "--proxy", "params", "--out", str(tmp_path / "q")]
    run("search_queries_nasbench201", [*options, "--strategies", "random", "ours", "HNAS"], monkeypatch)
    printed, notes = capsys.readouterr()
    assert [line.split(" | ")[0] for line in printed.splitlines()] == ["| random", "| ours"]
    assert "HNAS is left out" in notes
    courses = np.array(json.loads((tmp_path / "q.json").read_text())["ours"]["courses"])
    assert courses.shape == (2, 1, 8)
    assert (np.diff(courses, axis=2) >= 0).all()
    assert (tmp_path / "q.png").stat().st_size > 1000
