"""The leaderboard: who takes part, on what, what is kept and what is written."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from parzc import plugins
from parzc.commands.evaluate import evaluate
from parzc.competitor import Candidates
from parzc.competitors.learned import Learned
from parzc.competitors.random_forest import RandomForest
from parzc.competitors.training_free import TrainingFree
from parzc.evaluation.leaderboard import read_entries, run_leaderboard
from parzc.evaluation.track import Track, open_track
from parzc.plugins import UnknownPluginError
from tests.tables import tables, write_cells

SHARED = Path(__file__).parents[2] / "shared" / "data"
FOREST = {"name": "random_forest", "features": ["structure"], "trees": 5}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    return write_cells(tmp_path_factory.mktemp("track"))


def run(files, folder, entries=None, budgets=(8,), seeds=(0, 1), **changes):
    track = Track(**files, budgets=budgets, **changes)
    entries = entries or {"forest": FOREST}
    return run_leaderboard({"t": track}, entries, seeds, journal=folder / "journal.jsonl", jobs=1)


def numbers(results: pd.DataFrame) -> pd.DataFrame:
    return results.drop(columns=["fit_seconds", "predict_seconds"])


def test_words_are_competitors_predictors_or_proxies() -> None:
    assert read_entries("extra_trees,mabn,vote(snip,synflow)") == {
        "extra_trees": {"name": "extra_trees"},
        "mabn": {"name": "learned", "predictor": "mabn"},
        "vote(snip,synflow)": {"name": "training_free", "proxy": "vote(snip,synflow)"},
    }


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        ("extra_trees,extra_trees", ValueError, "different labels"),
        ("no_such", UnknownPluginError, "no_such"),
        ({"a": {"name": "extra_trees", "tree": 3}}, ValueError, "a cannot be made: .* takes the options"),
    ],
)
def test_wrong_entries_are_refused(entries, error, message) -> None:
    with pytest.raises(error, match=message):
        read_entries(entries)


def test_what_learns_no_label_claims_no_deviation_of_ranks() -> None:
    competitor, known = TrainingFree(proxy="synflow"), tables(3)
    count = len(known)
    competitor.proxy = SimpleNamespace(predict=lambda _: (np.arange(count) * 1.0, np.ones(count)))
    scores, sd = competitor.predict(Candidates(list(known), list(known), known))
    assert scores.tolist() == [0, 1, 2]
    assert not sd.any()


def test_a_proxy_file_is_opened_at_once(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.parzc"):
        read_entries(str(tmp_path / "no.parzc"))


def test_what_needs_a_missing_package_is_left_out_with_a_note(monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    assert list(read_entries("tabular,random_forest")) == ["random_forest"]
    assert "left out: tabular: boosted trees need xgboost" in capsys.readouterr().err


def test_every_run_has_a_row_for_each_part(files, tmp_path) -> None:
    results = run(files, tmp_path, {"forest": FOREST, "snip": read_entries("snip")["snip"]}, budgets=(0, 8))
    found = results.groupby(["competitor", "budget", "seed"])["part"].apply(list)
    # the forest cannot do without targets
    assert list(found.index) == [("forest", 8, 0), ("forest", 8, 1)] + [
        ("snip", budget, seed) for budget in (0, 8) for seed in (0, 1)
    ]
    assert all(parts == ["all", "held_out", "unseen"] for parts in found)


def test_competitors_learn_from_the_target_and_are_compared_with_the_test(files, tmp_path) -> None:
    results = run(files, tmp_path, {"rank": {"name": "column", "column": "rank"}}, budgets=(0,), seeds=(0,))
    contest = open_track(Track(**files))
    taus = pd.DataFrame({"a": contest.candidates.columns["rank"], "b": contest.tests})
    expected = taus.corr("kendall").loc["a", "b"]
    assert results.set_index("part").loc["all", "kendall_tau"] == pytest.approx(expected)


def test_finished_runs_are_not_run_again(files, tmp_path, monkeypatch) -> None:
    first = run(files, tmp_path, budgets=(8, 12))
    monkeypatch.setattr(RandomForest, "fit", None)
    pd.testing.assert_frame_equal(
        run(files, tmp_path, budgets=(12,)), first[first["budget"] == 12].reset_index(drop=True)
    )


def test_a_killed_run_goes_on_to_the_same_results(files, tmp_path) -> None:
    whole = run(files, tmp_path, seeds=range(3))
    journal = tmp_path / "journal.jsonl"
    content = journal.read_bytes()
    journal.write_bytes(content[: len(content) * 2 // 3])
    pd.testing.assert_frame_equal(numbers(run(files, tmp_path, seeds=range(3))), numbers(whole))


def test_other_options_are_run_anew(files, tmp_path) -> None:
    first = run(files, tmp_path)
    other = run(files, tmp_path, {"forest": FOREST | {"trees": 9}})
    assert not first["kendall_tau"].equals(other["kendall_tau"])
    pd.testing.assert_frame_equal(numbers(run(files, tmp_path)), numbers(first))


def test_other_data_are_run_anew(files, tmp_path) -> None:
    first = run(files, tmp_path)
    frame = pd.read_csv(files["targets"])
    frame["test"] = 1 - frame["test"]
    frame.to_csv(tmp_path / "other.csv", index=False)
    other = run(files | {"targets": str(tmp_path / "other.csv")}, tmp_path)
    np.testing.assert_allclose(other["kendall_tau"], -first["kendall_tau"])


def test_processes_do_not_change_results(files, tmp_path) -> None:
    alone = run(files, tmp_path)
    track = {"t": Track(**files, budgets=(8,))}
    together = run_leaderboard(track, {"forest": FOREST}, (0, 1), journal=tmp_path / "two.jsonl", jobs=2)
    pd.testing.assert_frame_equal(numbers(together), numbers(alone))


def test_what_cannot_compete_leaves_the_others(files, tmp_path, capsys) -> None:
    nothing = {"name": "column", "column": "no_such"}
    results = run(files, tmp_path, {"none": nothing, "forest": FOREST}, budgets=(8, 10**6))
    assert set(results["competitor"]) == {"forest"}
    assert set(results["budget"]) == {8}
    notes = capsys.readouterr().err
    assert "left out (2 runs): t, none: the track has no column 'no_such'; it has rank" in notes
    assert "left out (2 runs): t, forest: a budget should be at most" in notes


def test_a_track_that_cannot_be_read_is_an_error(files, tmp_path) -> None:
    with pytest.raises(LookupError, match="has no column 'acc'"):
        run(files | {"target": "acc"}, tmp_path)


def test_nothing_that_ran_is_an_error(files, tmp_path) -> None:
    with pytest.raises(RuntimeError, match="no run of the leaderboard ended well; t, forest: a budget"):
        run(files, tmp_path, budgets=(10**6,))


def test_a_learned_proxy_competes(files, tmp_path) -> None:
    spec = {"name": "learned", "predictor": {"name": "linear", "members": 2}, "recipe": {"epochs": 20}}
    results = run(files, tmp_path, {"linear": spec}, budgets=(30,), seeds=(0,)).set_index("part")
    assert results.loc["held_out", "kendall_tau"] > 0.2
    assert 0 <= results.loc["held_out", "coverage_90"] <= 1


ACTIVE = {
    "name": "learned",
    "predictor": {"name": "linear", "members": 2},
    "acquisition": "k_center",
    "start": 6,
    "round": 5,
    "recipe": {"epochs": 4},
}


def test_a_competitor_may_choose_what_it_learns_from(files, tmp_path) -> None:
    contest = open_track(Track(**files))
    drawn = contest.draw(15, 3)
    looked_up: list[int] = []

    def look_up(rows):
        looked_up.extend(rows.tolist())
        return contest.targets[rows]

    active = plugins.build("competitors", ACTIVE)
    chosen = active.choose(contest.candidates, drawn, look_up, seed=3).tolist()
    assert sorted(looked_up) == sorted(chosen)
    assert chosen[:6] == drawn[:6].tolist()
    assert len(set(chosen)) == 15
    assert set(chosen) != set(drawn.tolist())


def test_a_competitor_chooses_no_function_twice(files) -> None:
    contest = open_track(Track(**files))
    active = plugins.build("competitors", ACTIVE | {"start": 2})
    drawn = contest.draw(20, 0)
    chosen = active.choose(contest.candidates, drawn, contest.targets.__getitem__, seed=0)
    canonical = [contest.candidates.canonical[row] for row in chosen]
    assert len(set(canonical[2:]) - set(canonical[:2])) == 18


def test_held_out_is_what_a_competitor_did_not_choose(files, tmp_path) -> None:
    results = run(files, tmp_path, {"active": ACTIVE}, budgets=(15,), seeds=(0,)).set_index("part")
    assert results.loc["all", "n"] - results.loc["held_out", "n"] == 15


def test_who_looks_up_more_than_it_says_is_left_out(files, tmp_path, monkeypatch, capsys) -> None:
    def choose(self, candidates, drawn, look_up, *, seed):
        look_up(np.arange(20))
        return drawn

    monkeypatch.setattr(Learned, "choose", choose)
    run(files, tmp_path, {"active": ACTIVE, "forest": FOREST})
    assert "active: a competitor should choose 8 different architectures" in capsys.readouterr().err


@pytest.fixture
def command(files, tmp_path):
    options = {**files, "budgets": [8, 12], "seeds": 3, "jobs": 1, "out": str(tmp_path / "board")}
    entries = {"forest": FOREST, "snip": "snip"}
    return lambda **changes: evaluate(**(options | {"leaderboard": entries} | changes))


def test_files_of_a_leaderboard(command, tmp_path) -> None:
    summary = command(report=str(tmp_path / "report.html"))
    names = ["benchmark.png", "journal.jsonl", "results.csv", "run.json", "summary.json"]
    assert sorted(path.name for path in (tmp_path / "board").iterdir()) == names
    assert json.loads((tmp_path / "board" / "summary.json").read_text()) == summary
    results = pd.read_csv(tmp_path / "board" / "results.csv")
    forest = results.query("competitor == 'forest' and budget == 12 and part == 'held_out'")["kendall_tau"]
    said = summary["benchmark"]["forest"]["12"]["held_out"]
    assert said["seeds"] == 3
    assert (said["kendall_tau"]["mean"], said["kendall_tau"]["sd"]) == pytest.approx(
        (forest.mean(), forest.std())
    )


def test_tables_are_printed(command, capsys) -> None:
    command()
    printed = capsys.readouterr().out
    assert "benchmark: kendall_tau, held out, mean ± sd of 3 seeds" in printed
    assert "| competitor | 8 | 12 |" in printed
    assert "Kendall tau minus that of forest" in printed


def test_report_needs_no_other_file(command, tmp_path) -> None:
    command(report=str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    assert 'src="data:image/png;base64,' in page
    assert "http" not in page
    assert "<td>forest</td>" in page


def test_tracks_complete_what_is_said_of_all(command, tmp_path) -> None:
    summary = command(tracks={"one": {}, "two": {"notations": "stored", "budgets": [8]}})
    assert list(summary) == ["one", "two"]
    assert list(summary["two"]["forest"]) == ["8"]
    assert summary["one"]["snip"]["8"]["all"]["n"]["mean"] > summary["two"]["snip"]["8"]["all"]["n"]["mean"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"proxy": "snip"}, "one of proxy=… and leaderboard=…"),
        ({"out": None}, "say out=…"),
        ({"target": None}, "track benchmark should say target"),
        ({"tracks": {"a": {"feature": "x"}}}, "track a should have only targets.*, got feature"),
    ],
)
def test_what_is_missing_is_said(command, changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        command(**changes)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")
def test_the_tabular_anchor_reaches_its_published_number(tmp_path) -> None:
    pytest.importorskip("xgboost")
    cells = pd.read_csv(SHARED / "nasbench201.csv.gz")
    proxies = pd.read_csv(SHARED / "nasbench201_suitezero_proxies_cifar10.csv.gz").set_index("index")
    canonical = cells[cells["index"].isin(proxies.index)].set_index("index")
    joined = proxies.join(canonical["arch_str"].rename("architecture"))
    joined.to_csv(tmp_path / "columns.csv", index=False)
    track = Track(
        targets=str(SHARED / "nasbench201.csv.gz"), target="cifar10_valid", test="cifar10_test",
        columns=str(tmp_path / "columns.csv"), space="nasbench201", budgets=(78,),
    )  # fmt: skip
    entries = {"tabular": {"name": "tabular"}}
    results = run_leaderboard({"t": track}, entries, range(2), journal=tmp_path / "j.jsonl", jobs=1)
    taus = results[results["part"] == "all"]["kendall_tau"]
    assert taus.mean() == pytest.approx(0.821, abs=0.011)  # the published spread over seeds
