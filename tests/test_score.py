import csv
import json
from pathlib import Path

import pytest
import torch
from scipy.stats import rankdata

from parzc.commands.score import score
from parzc.datasets.digits import Digits
from parzc.datasets.noise import Noise
from parzc.initialise import Initialised
from parzc.measures import find_measures
from parzc.probing.extract import extract
from parzc.proxy import open_proxy
from parzc.spaces.digits_cell import DigitsCell
from tests.proxies_to_load import network, proxy

CELLS = {"name": "digits_cell", "channels": 4}
FACTORY = "tests.proxies_to_load:network"


@pytest.fixture
def learned(tmp_path: Path) -> str:
    proxy().save(tmp_path / "a.parzc")
    return str(tmp_path / "a.parzc")


def test_scores_are_those_of_the_proxy_on_seeded_networks_and_batch():
    rows = score(proxy="snip", space=CELLS, architectures=3, data="digits", batch=4, seed=5)
    cells, batch = DigitsCell(channels=4), Digits().load().batch(4, 5)
    assert {row.architecture for row in rows} == set(cells.sample(3, 5))
    for row in rows:
        torch.manual_seed(5)
        net = cells.build(row.architecture)
        expected = find_measures(net, [batch], ("random", 1, 10), "cpu", measure_names=["snip"])
        assert row.score == pytest.approx(expected["snip"])
        assert row.sd == 0


def test_networks_are_initialised_and_read_as_asked():
    options = {"space": CELLS, "architectures": 2, "data": "digits", "batch": 4, "seed": 5}
    rows = score(
        proxy="expressivity",
        **options,
        initialisation="kaiming",
        blocks=["stem", "cells.0"],
        compat="original",
    )
    space, data = Initialised(DigitsCell(channels=4), "kaiming"), Digits().load()
    for row in rows:
        torch.manual_seed(5)
        net = space.build(row.architecture)
        table = extract(
            net, data.batch(4, 5), ["expressivity"], blocks=["stem", "cells.0"], compat="original"
        )
        assert row.score == pytest.approx(open_proxy("expressivity").predict([table])[0][0])


def test_the_second_batch_holds_other_images():
    rows = score(proxy="zico", space=CELLS, architectures=2, data="digits", batch=4, seed=5)
    for row in rows:
        torch.manual_seed(5)
        net, images = DigitsCell(channels=4).build(row.architecture), Digits().load()
        opened, other = open_proxy("zico"), tuple(part[4:] for part in images.batch(8, 5))
        assert row.score == pytest.approx(opened(net, images.batch(4, 5), second_batch=other))


@pytest.mark.parametrize(("space", "read"), [("networks", ["0", "2"]), ("elsewhere", None)])
def test_reading_of_training_is_the_default(learned: str, tmp_path: Path, space: str, read: list[str] | None):
    trained = proxy()
    trained.metadata |= {
        "space": {"name": space, "classes": 3, "image_shape": [3, 8, 8]},
        "blocks": ["0", "2"],
        "initialisation": "kaiming",
    }
    trained.save(learned)
    score(proxy=learned, network=FACTORY, input="3x8x8", out=str(tmp_path / "s.csv"))
    settings = json.loads((tmp_path / "s.csv.run.json").read_text())["settings"]
    assert (settings["blocks"], settings["initialisation"], settings["compat"]) == (read, "kaiming", None)


def test_the_best_comes_first():
    scores = [row.score for row in score(proxy="params", space=CELLS, architectures=6)]
    assert scores == sorted(scores, reverse=True)


def test_the_file_has_a_row_for_each_architecture(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "new" / "scores.csv"
    rows = score(proxy="params", space=CELLS, architectures=3, out=str(out))
    with out.open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [(row["architecture"], float(row["score"]), float(row["sd"])) for row in written] == rows
    assert "scores.csv: 3 architectures, best first" in capsys.readouterr().out
    settings = json.loads((tmp_path / "new" / "scores.csv.run.json").read_text())["settings"]
    assert (settings["batch"], settings["seed"]) == (16, 0)


def test_without_a_file_the_scores_are_printed(capsys: pytest.CaptureFixture[str]):
    rows = score(proxy="params", space=CELLS, architectures=2)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "architecture,score,sd"
    assert printed[1] == f"{rows[0].architecture},{rows[0].score},0.0"


def test_architectures_are_read_from_a_file(tmp_path: Path):
    names = DigitsCell().sample(2, 3)
    (tmp_path / "some.txt").write_text("\n".join(names))
    rows = score(proxy="params", space=CELLS, architectures=str(tmp_path / "some.txt"))
    assert {row.architecture for row in rows} == set(names)


def test_one_network_is_scored_on_noise_with_labels_among_its_outputs(
    learned: str, capsys: pytest.CaptureFixture[str]
):
    rows = score(proxy=learned, network=FACTORY, input="3x8x8")
    torch.manual_seed(0)
    table = extract(network(), Noise(shape=(3, 8, 8), classes=3).load().batch(4, 0))
    mean, sd = proxy().predict([table])
    assert rows == [(FACTORY, pytest.approx(mean[0], abs=1e-6), pytest.approx(sd[0], abs=1e-6))]
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{FACTORY}: score {rows[0].score:.9g}, sd")
    assert "scored on Gaussian noise of 3x8x8" in printed.err


def test_a_factory_takes_keywords():
    narrow, wide = (
        score(proxy="params", network=f"{FACTORY}(width={width})", input="3x8x8")[0].score for width in (2, 8)
    )
    assert wide > narrow


def test_settings_of_training_are_the_defaults(learned: str, tmp_path: Path):
    trained = proxy()
    trained.metadata |= {
        "batch": {"size": 6},
        "seed": 9,
        "space": {"name": "networks", "classes": 3, "image_shape": [3, 8, 8]},
    }
    trained.save(learned)
    score(proxy=learned, network=FACTORY, out=str(tmp_path / "s.csv"))
    settings = json.loads((tmp_path / "s.csv.run.json").read_text())["settings"]
    assert (settings["batch"], settings["seed"]) == (6, 9)


def test_a_network_that_fails_is_left_out_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "names.txt").write_text(f"{FACTORY}\n{FACTORY}(depth=-1, width='a')\n")
    rows = score(proxy="params", space="networks", architectures=str(tmp_path / "names.txt"), input="3x8x8")
    assert [row.architecture for row in rows] == [FACTORY]
    assert f"failed: {FACTORY}(depth=-1, width='a'): TypeError" in capsys.readouterr().err


def test_a_network_that_dies_leaves_nothing_behind(tmp_path: Path):
    with pytest.raises(RuntimeError, match=r"no network could be scored.*ran 0 nodes.*channels"):
        score(proxy="snip", network=FACTORY, input="1x8x8", out=str(tmp_path / "s.csv"))
    assert list(tmp_path.iterdir()) == []


def test_a_score_that_is_no_number_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lines = (
        "def first(table): return float('nan') if table.nodes[0].out_channels == 4 else 1.0",
        "first.statistics = ('l2_norm',)",
    )
    (tmp_path / "mylab_formulas.py").write_text("\n".join(lines))
    (tmp_path / "names.txt").write_text(f"{FACTORY}(width=4)\n{FACTORY}(width=5)\n")
    monkeypatch.syspath_prepend(tmp_path)
    rows = score(
        proxy="mylab_formulas:first",
        space="networks",
        architectures=str(tmp_path / "names.txt"),
        input="3x8x8",
    )
    assert [row.architecture[-2] for row in rows] == ["5", "4"]


def test_an_aggregate_ranks_all_architectures_among_each_other(capsys: pytest.CaptureFixture[str]):
    cells = {"space": CELLS, "architectures": 40, "data": "digits", "batch": 4}
    ranked = {row.architecture: row for row in score(proxy="rank_sum(params,snip)", **cells, jobs=2)}
    members = [{r.architecture: r.score for r in score(proxy=name, **cells)} for name in ("params", "snip")]
    expected = sum(rankdata([member[name] for name in ranked]) for member in members)
    assert [row.score for row in ranked.values()] == pytest.approx(expected)
    assert [row.score for row in ranked.values()] == sorted(expected, reverse=True)
    assert {row.sd for row in ranked.values()} == {0}
    assert "architecture,score,sd" in capsys.readouterr().out


def test_an_aggregate_does_not_score_one_network():
    with pytest.raises(ValueError, match="no score for one alone; give more with space="):
        score(proxy="vote(snip,params)", network=FACTORY, input="3x8x8")


def test_settings_of_training_are_those_of_a_learned_member(learned: str, tmp_path: Path):
    score(
        proxy=f"vote(params,{learned})",
        space=CELLS,
        architectures=2,
        input="3x8x8",
        out=str(tmp_path / "s.csv"),
    )
    assert json.loads((tmp_path / "s.csv.run.json").read_text())["settings"]["batch"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs one of space=… .* and network="),
        ({"space": "digits_cell", "network": FACTORY}, "needs one of space"),
        ({"network": FACTORY}, "without data=… the shape of an input is needed, say input=3x32x32"),
        ({"network": FACTORY, "input": "32"}, "such as 3x32x32, got '32'"),
        ({"network": FACTORY, "input": "3x8x8", "data": "digits"}, "shape of the data, 1x8x8, got 3x8x8"),
    ],
)
def test_what_does_not_fit_together_is_an_error(options: dict[str, str], message: str):
    with pytest.raises(ValueError, match=message):
        score(proxy="params", **options)


def test_networks_of_a_space_that_a_proxy_does_not_know_set_its_scale(tmp_path: Path, capsys):
    trained = proxy()
    trained.metadata |= {"space": {"name": "elsewhere"}, "others": [{"space": {"name": "abroad"}}]}
    trained.save(tmp_path / "a.parzc")
    (tmp_path / "names.txt").write_text("".join(f"{FACTORY}(width={width})\n" for width in (2, 8, 32)))
    rows = score(
        proxy=str(tmp_path / "a.parzc"),
        space="networks",
        architectures=str(tmp_path / "names.txt"),
        input="3x8x8",
    )
    tables = []
    for row in rows:
        torch.manual_seed(0)
        net = network(width=int(row.architecture.partition("=")[2][:-1]))
        tables.append(extract(net, Noise(shape=(3, 8, 8), classes=3).load().batch(4, 0)))
    trained.encoding.adapt(tables)
    assert [row.score for row in rows] == pytest.approx(trained.predict(tables)[0], abs=1e-5)
    assert "trained on elsewhere, abroad; its scale was set by the 3 networks" in capsys.readouterr().err


def test_one_network_of_a_space_that_a_proxy_does_not_know_is_said_to_be_a_guess(tmp_path: Path, capsys):
    trained = proxy()
    trained.metadata["space"] = {"name": "elsewhere"}
    trained.save(tmp_path / "a.parzc")
    score(proxy=str(tmp_path / "a.parzc"), network=FACTORY, input="3x8x8")
    assert "trained on elsewhere; elsewhere the score of one network is a guess" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"batch": 5}, ["batch is 5, but was 4 in training"]),
        ({"block_inputs": "noise"}, ["block_inputs is noise, but was None in training"]),
        ({"batch": 4}, []),
        ({"proxy": "snip", "batch": 5}, []),
    ],
)
def test_a_reading_other_than_in_training_is_told(learned: str, capsys, options, told):
    score(**{"proxy": learned, "network": FACTORY, "input": "3x8x8"} | options)
    found = [line for line in capsys.readouterr().err.splitlines() if "in training" in line]
    assert len(found) == len(told)
    assert all(part in line for part, line in zip(told, found, strict=True))
