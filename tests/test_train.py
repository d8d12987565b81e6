"""`parzc train`."""

import json

import pandas as pd
import pytest
import torch

from parzc.commands.train import train
from parzc.encodings.aligned import Aligned
from parzc.predictors.linear import Linear
from parzc.proxy import ParametricProxy
from tests.tables import tables, write_store

OPTIONS = {"target": "accuracy", "budget": 30, "epochs": 8, "predictor": {"name": "linear", "members": 2}}


@pytest.fixture
def paths(tmp_path):
    features, targets = write_store(tmp_path, tables(45))
    return {"features": features, "targets": targets, "out": str(tmp_path / "run")}


def test_run_folder_is_complete(paths, tmp_path) -> None:
    measured = train(**paths, **OPTIONS)
    out = tmp_path / "run"
    names = ["checkpoint.ckpt", "held_out.csv", "metrics.csv", "metrics.json", "run.json", "training.txt"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert json.loads((out / "metrics.json").read_text())["kendall_tau"] == measured["kendall_tau"]
    assert measured["n"] == 15


def test_held_out_architectures_were_not_trained_on(paths, tmp_path) -> None:
    train(**paths, **OPTIONS)
    training = (tmp_path / "run" / "training.txt").read_text().split()
    held_out = pd.read_csv(tmp_path / "run" / "held_out.csv")["architecture"]
    assert len(training) == 30
    assert set(training).isdisjoint(held_out)


def test_checkpoint_says_how_to_build_the_proxy(paths, tmp_path) -> None:
    train(**paths, **OPTIONS)
    content = torch.load(tmp_path / "run" / "checkpoint.ckpt", weights_only=True)
    metadata, state = content["parzc"], content["state_dict"]
    for part, made in (("encoding", Aligned), ("predictor", Linear)):
        options = {key: value for key, value in metadata[part].items() if key != "name"}
        weights = {key.removeprefix(f"{part}."): v for key, v in state.items() if key.startswith(f"{part}.")}
        made(**options).load_state_dict(weights)
    assert metadata["statistics"] == ["snip", "synflow", "fisher"]
    assert metadata["target"] == "accuracy"
    assert len(metadata["training"]) == 30


def test_same_seed_same_scores(paths, tmp_path) -> None:
    train(**paths, **OPTIONS)
    train(**(paths | {"out": str(tmp_path / "again")}), **OPTIONS)
    first, second = (pd.read_csv(tmp_path / name / "held_out.csv") for name in ("run", "again"))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_mabn_is_trained_by_default(paths) -> None:
    options = {key: value for key, value in OPTIONS.items() if key != "predictor"}
    assert train(**paths, **(options | {"epochs": 2, "loss": "diffkendall"}))["n"] == 15


def test_a_budget_of_everything_leaves_nothing_to_measure(paths) -> None:
    measured = train(**paths, **(OPTIONS | {"budget": 45}))
    assert measured == {"n": 0, "epochs": measured["epochs"]}


def test_an_earlier_run_is_replaced(paths, tmp_path) -> None:
    train(**paths, **OPTIONS)
    train(**paths, **(OPTIONS | {"budget": 20}))
    assert len((tmp_path / "run" / "training.txt").read_text().split()) == 20


def test_a_folder_with_something_else_is_refused(paths, tmp_path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").touch()
    with pytest.raises(ValueError, match="holds something else"):
        train(**paths, **OPTIONS)


def test_nothing_is_left_when_training_fails(paths, tmp_path) -> None:
    with pytest.raises(LookupError, match="nonsense"):
        train(**paths, **(OPTIONS | {"encoding": {"name": "aligned", "features": ["nonsense"]}}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features", "targets.csv"]


def test_proxy_of_a_run_gives_its_scores(paths, tmp_path) -> None:
    train(**paths, **OPTIONS)
    content = torch.load(tmp_path / "run" / "checkpoint.ckpt", weights_only=True)
    metadata, state = content["parzc"], content["state_dict"]
    encoding = Aligned(**{k: v for k, v in metadata["encoding"].items() if k != "name"})
    predictor = Linear(**{k: v for k, v in metadata["predictor"].items() if k != "name"})
    for part, made in (("encoding.", encoding), ("predictor.", predictor)):
        made.load_state_dict({k.removeprefix(part): v for k, v in state.items() if k.startswith(part)})
    held_out = pd.read_csv(tmp_path / "run" / "held_out.csv")
    content_tables = tables(45)
    mean, _ = ParametricProxy(encoding, predictor).predict(
        [content_tables[n] for n in held_out["architecture"]]
    )
    assert mean == pytest.approx(held_out["score"].to_numpy(), abs=1e-6)
