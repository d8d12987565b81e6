import json
from pathlib import Path

import numpy as np
import pytest

from parzc.aggregations.rank_sum import rank_sum
from parzc.commands.evaluate import evaluate
from parzc.evaluation.report import evaluate as report
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture
from parzc.proxy import load_proxy, open_proxy
from tests.proxies_to_load import STATISTICS, proxy, tables

NAMES = [Architecture(letter) for letter in "abcdefgh"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A feature store, targets and a proxy that was trained on two of them."""
    folder = tmp_path_factory.mktemp("evaluate")
    store = FeatureStore.create(folder / "features", {"statistics": STATISTICS})
    with store.lock():
        store.add(zip(NAMES, tables(len(NAMES)), strict=True))
    accuracies = [0.5, 0.7, 0.3, 0.4, 0.8, 0.6, 0.9]
    rows = [f"{name},{value}" for name, value in zip(NAMES[1:], accuracies, strict=True)]
    (folder / "targets.csv").write_text("\n".join(["architecture,accuracy", *rows, "other,0.1"]))
    proxy().save(folder / "a.parzc")
    return folder


def _options(folder: Path, **changes: str | bool) -> dict[str, str | bool]:
    options = {"proxy": "a.parzc", "features": "features", "targets": "targets.csv"}
    return {key: str(folder / name) for key, name in options.items()} | {"target": "accuracy"} | changes


def test_the_numbers_are_those_of_the_held_out_architectures(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    scores, _ = proxy().predict(tables(8)[2:])  # `a` has no target, `b` was in training
    expected = report(scores, np.array([0.7, 0.3, 0.4, 0.8, 0.6, 0.9]))
    result = evaluate(**_options(folder))
    assert result == pytest.approx(expected, abs=1e-6)
    assert "1 of 7 architectures were used in training and are left out" in capsys.readouterr().err


def test_training_architectures_stay_on_demand(folder: Path):
    assert evaluate(**_options(folder, include_training=True))["n"] == 7


def test_training_before_a_transfer_is_left_out_in_its_own_space(folder: Path):
    carried = load_proxy(folder / "a.parzc")
    source = {"training": carried.metadata["training"], "space": {"name": "elsewhere"}}
    carried.metadata |= {"training": [], "source": source}
    carried.save(folder / "carried.parzc")
    options = _options(folder, proxy=str(folder / "carried.parzc"))
    assert evaluate(**options)["n"] == 7
    carried.metadata["source"].pop("space")
    carried.save(folder / "carried.parzc")
    assert evaluate(**options)["n"] == 6


def test_a_proxy_of_several_spaces_takes_its_scale_from_the_store(folder: Path, tmp_path: Path, capsys):
    store = FeatureStore.create(tmp_path / "features", {"statistics": STATISTICS, "space": {"name": "here"}})
    store.add(zip(NAMES, tables(len(NAMES)), strict=True))
    trained = proxy()
    trained.metadata |= {"space": {"name": "abroad"}, "others": [{"space": {"name": "here"}}]}
    trained.save(tmp_path / "a.parzc")
    trained.encoding.adapt(tables(8))
    scores, _ = trained.predict(tables(8)[2:])  # `a` has no target, `b` was in training
    expected = report(scores, np.array([0.7, 0.3, 0.4, 0.8, 0.6, 0.9]))
    options = _options(folder, proxy=str(tmp_path / "a.parzc"), features=str(store.path))
    assert evaluate(**options) == pytest.approx(expected, abs=1e-6)
    assert "its scale was set by the 8 networks of here" in capsys.readouterr().err


def test_a_training_free_proxy_is_evaluated_on_all(folder: Path):
    assert evaluate(**_options(folder, proxy="snip"))["n"] == 7


def test_an_aggregate_ranks_what_is_compared(folder: Path):
    scores = [open_proxy(name).predict(tables(8)[1:])[0] for name in ("snip", "flops")]
    expected = report(rank_sum(np.stack(scores)), np.array([0.5, 0.7, 0.3, 0.4, 0.8, 0.6, 0.9]))
    assert evaluate(**_options(folder, proxy="rank_sum(snip,flops)")) == pytest.approx(expected)


def test_training_of_a_member_is_left_out(folder: Path, tmp_path: Path):
    options = _options(folder, proxy=f"az_rank(snip,{folder / 'a.parzc'})", out=str(tmp_path / "r.json"))
    assert evaluate(**options)["n"] == 6
    assert (tmp_path / "r.png").is_file()


def test_the_file_has_exactly_the_reported_names_and_the_plot_lies_beside_it(folder: Path, tmp_path: Path):
    result = evaluate(**_options(folder, out=str(tmp_path / "new" / "result.json")))
    written = json.loads((tmp_path / "new" / "result.json").read_text())
    assert written == result
    assert set(written) == {
        "kendall_tau",
        "spearman_rho",
        "ndcg",
        "regret_at_1",
        "regret_at_5",
        "regret_at_10",
        "n",
    }
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "result.json",
        "result.json.run.json",
        "result.png",
    ]


def test_without_a_file_the_numbers_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]):
    result = evaluate(**_options(folder))
    assert f"kendall_tau {result['kendall_tau']:.3f}" in capsys.readouterr().out


def test_architectures_without_a_score_are_left_out(folder: Path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(folder)
    (folder / "mylab_nan.py").write_text(
        "def size(table):\n    width = table.nodes[0].out_channels\n"
        "    return float('nan') if width == 9 else float(width)\n"
    )
    assert evaluate(**_options(folder, proxy="mylab_nan:size"))["n"] == 6
    assert "1 architectures have no score" in capsys.readouterr().err


def test_only_training_architectures_is_an_error(folder: Path, tmp_path: Path):
    trained = proxy()
    trained.metadata["training"] = list(NAMES)
    trained.save(tmp_path / "b.parzc")
    with pytest.raises(ValueError, match=r"all 7 .* used to train .* include_training=true"):
        evaluate(**_options(folder, proxy=str(tmp_path / "b.parzc"), out=str(tmp_path / "r.json")))
    assert [path.name for path in tmp_path.iterdir()] == ["b.parzc"]


def test_targets_without_overlap_are_an_error(folder: Path, tmp_path: Path):
    (tmp_path / "others.csv").write_text("architecture,accuracy\nx,0.1\ny,0.2\n")
    with pytest.raises(ValueError, match="should overlap"):
        evaluate(**_options(folder, targets=str(tmp_path / "others.csv")))


def test_a_wrong_target_column_is_answered_with_the_list(folder: Path):
    with pytest.raises(LookupError, match="no column 'acc'; it has architecture, accuracy"):
        evaluate(**_options(folder, target="acc"))


def test_a_statistic_that_the_store_lacks_is_named(folder: Path):
    with pytest.raises(LookupError, match="the table has no column 'synflow'"):
        evaluate(**_options(folder, proxy="synflow"))


def test_the_plot_does_not_overwrite_the_numbers(folder: Path):
    with pytest.raises(ValueError, match=r"say result\.json, got a\.png"):
        evaluate(**_options(folder, out="a.png"))
