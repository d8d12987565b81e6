"""`parzc search`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from parzc.commands.search import search
from parzc.config import compose
from parzc.probing.parallel import extract_all
from parzc.spaces.digits_cell import DigitsCell
from tests.tables import as_list, tables, write_store

SPACE = DigitsCell()
NOISE = {"name": "noise", "shape": [1, 8, 8], "images": 64}
TINY = {"name": "digits_cell", "channels": 2}
QUICK = {"name": "train", "epochs": 1, "batch": 16, "jobs": 1}


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Any]:
    """An evaluator that looks 60 cells up."""
    cells = SPACE.sample(60, 0)
    frame = pd.DataFrame({"architecture": cells, "valid": [i / 60 for i in range(60)]})
    frame.assign(test=1 - frame["valid"]).to_csv(tmp_path / "targets.csv", index=False)
    return {"name": "table", "targets": str(tmp_path / "targets.csv"), "target": "valid", "report": "test"}


def test_history_says_what_was_trained_and_how_it_went(tmp_path: Path, table, capsys) -> None:
    frame = search(space="digits_cell", evaluator=table, strategy="random", budget=9, out=str(tmp_path / "a"))
    written = pd.read_csv(tmp_path / "a/history.csv")
    pd.testing.assert_frame_equal(written, frame, check_dtype=False)
    assert written["training"].tolist() == list(range(1, 10))
    assert written["best"].tolist() == pytest.approx(written["accuracy"].cummax().tolist())
    best = written["architecture"][written["accuracy"].idxmax()]
    assert f"9 trainings, best {best}" in capsys.readouterr().out
    assert written["front"][written["accuracy"].idxmax()]
    cost = SPACE.cost(best)
    chosen = written[written["architecture"] == best].iloc[0]
    assert (chosen["flops"], chosen["parameters"]) == pytest.approx((cost.flops, cost.parameters))
    assert chosen["test_accuracy"] == pytest.approx(1 - chosen["accuracy"], abs=1e-5)


def test_a_figure_and_all_settings_are_beside_it(tmp_path: Path, table) -> None:
    search(space="digits_cell", evaluator=table, budget=3, seed=4, out=str(tmp_path / "a"))
    assert (tmp_path / "a/course.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "a/run.json").read_text())["seed"] == 4


def test_a_larger_budget_goes_on(tmp_path: Path, table) -> None:
    options = {"space": "digits_cell", "evaluator": table, "strategy": "random", "out": str(tmp_path / "a")}
    first = search(**options, budget=3)
    more = search(**options, budget=6)
    assert more["architecture"][:3].tolist() == first["architecture"].tolist()
    assert len((tmp_path / "a/trainings.jsonl").read_text().splitlines()) == 7


def test_another_search_in_its_folder_is_refused(tmp_path: Path, table) -> None:
    options = {"space": "digits_cell", "evaluator": table, "budget": 2, "out": str(tmp_path / "a")}
    search(**options)
    with pytest.raises(ValueError, match=r"seed 0, now 1.*another `out`"):
        search(**options, seed=1)


def test_constraints_bound_what_is_trained(tmp_path: Path, table) -> None:
    middle = sorted(SPACE.cost(cell).flops for cell in SPACE.sample(60, 0))[30]
    options = {"space": "digits_cell", "evaluator": table, "strategy": "random", "budget": 60}
    frame = search(**options, constraint={"flops": middle}, out=str(tmp_path / "a"))
    assert 30 <= len(frame) < 60
    assert frame["flops"].max() == middle


def test_latencies_are_bounded_traded_and_reported(tmp_path: Path, table) -> None:
    cells = SPACE.sample(60, 0)
    frame = pd.DataFrame({"architecture": cells, "latency": [1.0 + i for i in range(60)]})
    frame.to_csv(tmp_path / "ms.csv", index=False)
    found = search(
        space="digits_cell",
        evaluator=table,
        strategy="random",
        latencies=str(tmp_path / "ms.csv"),
        constraint={"latency": 30.0},
        tradeoff={"latency": -0.07},
        budget=60,
        out=str(tmp_path / "a"),
    )
    assert sorted(found["latency"]) == [1.0 + i for i in range(30)]
    assert found["front"].all()  # slower is better here, so that nothing beats anything


def test_networks_are_trained(tmp_path: Path) -> None:
    frame = search(space=TINY, evaluator=QUICK, data=NOISE, budget=2, workers=2, out=str(tmp_path / "a"))
    assert frame[["accuracy", "test_accuracy"]].stack().between(0, 1).all()


def test_reduced_training_says_how_much_it_saves(tmp_path: Path) -> None:
    reduced = {
        "name": "reduced",
        "epochs": 1,
        "batch": 16,
        "resolution": 4,
        "options": {"channels": 1},
        "jobs": 1,
    }
    frame = search(space=TINY, evaluator=reduced, data=NOISE, budget=1, out=str(tmp_path / "a"))
    assert frame["reduction"][0] > 8


@pytest.mark.parametrize("proxy", ["synflow", "az_rank(synflow,params)"])
def test_warm_up_reads_networks_once(tmp_path: Path, table, proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "parzc.searching.readings.extract_all",
        lambda space, names, *rest, **more: asked.extend(names) or extract_all(space, names, *rest, **more),
    )
    options = {"space": TINY, "evaluator": table, "data": NOISE, "proxy": proxy, "out": str(tmp_path / "a")}
    warm = {"name": "random", "warm_up": 8}
    first = search(**options, strategy=warm, budget=3)
    assert len(asked) == len(set(asked)) == 8
    assert (
        search(**options, strategy=warm, budget=5)["architecture"][:3].tolist()
        == first["architecture"].tolist()
    )
    assert len(asked) == 8


def test_a_store_is_read_instead_of_networks_and_bounds_the_search(
    tmp_path: Path, table, monkeypatch
) -> None:
    cells = SPACE.sample(12, 0)
    (tmp_path / "store").mkdir()
    features, _ = write_store(tmp_path / "store", dict(zip(cells, as_list(tables(12)), strict=True)))
    monkeypatch.setattr("parzc.searching.readings.extract_all", None)
    frame = search(
        space="digits_cell",
        evaluator=table,
        features=str(features),
        strategy={"name": "random", "warm_up": 5},
        proxy="synflow",
        budget=30,
        out=str(tmp_path / "a"),
    )
    assert {*frame["architecture"]} == {*cells}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluator": "train"}, "say data="),
        ({"proxy": "synflow"}, "say data=… or features="),
        ({"strategy": {"name": "random", "warm_up": 3}}, "say proxy="),
        ({"strategy": "hnas"}, "say data=… or features="),
        ({"budget": 0}, "at least 1"),
        ({"constraint": {"flop": 1.0}}, "should bound one of"),
        ({"tradeoff": {"speed": 1.0}}, "should name one of"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_trained(tmp_path: Path, table, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        search(**{"space": "digits_cell", "evaluator": table, **options}, out=str(tmp_path / "a"))


def test_choosing_by_proxies_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strategy = {"name": "az_evolution", "proxies": ["params", "synflow"], "evaluations": 12}
    options = {"space": TINY, "evaluator": "untrained", "data": NOISE, "strategy": strategy}
    frame = search(**options, budget=3, out=str(tmp_path / "a"))
    assert frame["accuracy"].isna().all()
    assert f"nothing trained, first choice {frame['architecture'][0]}" in capsys.readouterr().out
    scores = (tmp_path / "a/scores-params-synflow.jsonl").read_text().splitlines()
    assert 4 <= len(scores) <= 13


def test_a_search_that_trains_nothing_says_why(tmp_path: Path) -> None:
    wrong = {**QUICK, "batch": 64}
    with pytest.raises(RuntimeError, match="no architecture could be trained; ValueError: batch should"):
        search(space=TINY, evaluator=wrong, data=NOISE, budget=1, out=str(tmp_path / "a"))


def test_a_search_killed_by_the_system_goes_on_to_the_same_end(tmp_path: Path) -> None:
    options = ["space=digits_cell", "space.channels=2", "data=noise", "data.shape=[1,8,8]", "data.images=64"]
    options += [
        "evaluator.epochs=1",
        "evaluator.batch=16",
        "evaluator.jobs=1",
        "strategy.population=2",
        "budget=9",
    ]
    journal = tmp_path / "torn/trainings.jsonl"
    command = [sys.executable, "-m", "parzc", "search", *options, f"out={tmp_path / 'torn'}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (journal.exists() and len(journal.read_text().splitlines()) > 2):
        assert process.poll() is None
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "torn/history.csv").exists()
    torn, whole = (
        search(**compose("search", [*options, f"out={tmp_path / name}"])) for name in ("torn", "whole")
    )
    pd.testing.assert_frame_equal(torn, whole)
