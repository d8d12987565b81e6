"""`parzc train`."""

import copy
import json

import pandas as pd
import pytest
import torch

from parzc.commands.export import export
from parzc.commands.train import train
from parzc.encodings.aligned import Aligned
from parzc.encodings.resampled import Resampled
from parzc.learning.data import ArchitectureData, Split, Task
from parzc.predictors.linear import Linear
from parzc.probing.store import FeatureStore
from parzc.proxy import ParametricProxy, load_proxy
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


PROCESS = {
    "target": "accuracy",
    "budget": 30,
    "encoding": {"name": "ranked", "features": ["snip", "synflow"], "proxies": ["params"]},
    "predictor": {"name": "proxy_prior", "rivals": 1},
}


def test_what_takes_no_gradient_steps_has_no_course(paths, tmp_path) -> None:
    measured = train(**paths, **PROCESS)
    assert measured["kendall_tau"] > 0.3
    assert list(pd.read_csv(tmp_path / "run" / "metrics.csv").columns) == ["run", "epoch"]
    held_out = pd.read_csv(tmp_path / "run" / "held_out.csv")
    export(checkpoint=paths["out"], out=str(tmp_path / "process.parzc"))
    of_all = tables(45)
    mean, _ = load_proxy(tmp_path / "process.parzc").predict([of_all[n] for n in held_out["architecture"]])
    assert mean == pytest.approx(held_out["score"].to_numpy(), abs=1e-6)


@pytest.fixture
def two_spaces(tmp_path):
    (tmp_path / "second").mkdir()
    first = write_store(tmp_path, tables(45))
    second = write_store(tmp_path / "second", tables(30, start=200, prefix="blocks"))
    names = ("features", "targets")
    joined = {name: ",".join(pair) for name, pair in zip(names, zip(first, second, strict=True), strict=True)}
    return joined | {"out": str(tmp_path / "run")}


OF_SEVERAL = {"target": "accuracy,accuracy", "budget": 20, "epochs": 8, "encoding": "resampled"}


@pytest.mark.parametrize("predictor", ["gaussian_process", "linear"])
def test_several_spaces_are_learned_from_at_once(two_spaces, tmp_path, predictor) -> None:
    measured = train(**two_spaces, **OF_SEVERAL, predictor=predictor)
    training = (tmp_path / "run" / "training.txt").read_text().split()
    assert len(training) == 40
    assert measured["n"] == 35
    assert measured["kendall_tau"] > 0


def test_a_step_compares_architectures_of_one_space(two_spaces) -> None:
    parts = [FeatureStore.open(folder).tables() for folder in two_spaces["features"].split(",")]
    encoding = Resampled(positions=4)
    encoding.fit([table for part in parts for table in part.values()])
    tasks = [
        Task(part, dict.fromkeys(part, float(i)), Split(list(part), [], [])) for i, part in enumerate(parts)
    ]
    alone = [ArchitectureData([task], encoding=own(encoding, task), batch=15) for task in tasks]
    known = [{tuple(row) for row in each.known[0].values.flatten(1).tolist()} for each in alone]
    data = ArchitectureData(tasks, encoding=encoding, batch=15)
    batches = [{tuple(row) for row in each.values.flatten(1).tolist()} for each, _ in data.train_dataloader()]
    assert sorted(len(batch) for batch in batches) == [15] * data.batches
    assert sorted(sum(batch <= rows for batch in batches) for rows in known) == [2, 3]


def own(encoding: Resampled, task: Task) -> Resampled:
    adapted = copy.deepcopy(encoding)
    adapted.adapt(list(task.tables.values()))
    return adapted


def test_as_many_targets_as_spaces_are_asked_for(two_spaces) -> None:
    with pytest.raises(ValueError, match="as many spaces, got 2, 2 and 1"):
        train(**two_spaces, **(OF_SEVERAL | {"target": "accuracy"}))


def test_an_acquisition_chooses_what_training_sees(paths, tmp_path) -> None:
    for name, chosen in (("random", None), ("chosen", "k_center")):
        options = OPTIONS | {"acquisition": chosen, "start": 12, "round": 9}
        train(**(paths | {"out": str(tmp_path / name)}), **options)
    random, chosen = ((tmp_path / name / "training.txt").read_text().split() for name in ("random", "chosen"))
    assert len(set(random)) == len(set(chosen)) == 30
    assert 12 <= len(set(random) & set(chosen)) < 30


def test_what_an_acquisition_chose_is_not_held_out(paths, tmp_path) -> None:
    train(**paths, **OPTIONS, acquisition="doubtful_pairs", start=12)
    training = (tmp_path / "run" / "training.txt").read_text().split()
    held_out = pd.read_csv(tmp_path / "run" / "held_out.csv")["architecture"]
    assert len(held_out) == 15
    assert set(training).isdisjoint(held_out)


def test_an_acquisition_says_what_to_label_next(paths, tmp_path) -> None:
    known = pd.read_csv(paths["targets"])
    known[:30].to_csv(paths["targets"], index=False)
    train(**paths, **OPTIONS, acquisition="doubtful_pairs", round=6)
    wanted = (tmp_path / "run" / "next.txt").read_text().split()
    assert len(set(wanted)) == 6
    assert set(wanted) <= set(known["architecture"][30:])


def test_an_acquisition_chooses_in_one_space(paths) -> None:
    two = {name: f"{paths[name]},{paths[name]}" for name in ("features", "targets")}
    options = OPTIONS | {"target": "accuracy,accuracy", "acquisition": "random"}
    with pytest.raises(ValueError, match="in one space, got 2"):
        train(**two, out=paths["out"], **options)
