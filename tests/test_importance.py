"""The command `importance`, on a proxy whose targets depend on one statistic of one node."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from parzc.commands.export import export
from parzc.commands.importance import importance
from parzc.commands.train import train
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from tests.tables import STATISTICS, table

NODES = tuple(replace(node, alive=True) for node in table(0, nodes=6).nodes)
HEARD = NODES[2].name
TRAINED, ALL, DEAD = 100, 160, 5


def chain(seed: int) -> Table:
    values = np.exp(np.random.default_rng(seed).normal(0, 1, (len(NODES), len(STATISTICS))))
    nodes = NODES if seed < ALL else tuple(replace(node, alive=False) for node in NODES)
    return Table(nodes, STATISTICS, values)


def accuracy(of: Table) -> float:
    return float(1 / (1 + 1 / of.values[2, STATISTICS.index("synflow")]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("importance")
    content = {Architecture(f"a{seed:03}"): chain(seed) for seed in range(ALL + DEAD)}
    settings = {"space": {"name": "none"}, "statistics": list(STATISTICS), "batch": {"size": 4}, "seed": 0}
    FeatureStore.create(folder / "features", settings).add(content.items())
    rows = [(name, accuracy(each)) for name, each in content.items()]
    frame = pd.DataFrame(rows, columns=["architecture", "accuracy"])
    frame.to_csv(folder / "targets.csv", index=False)
    frame[:ALL].to_csv(folder / "live.csv", index=False)
    train(
        features=str(folder / "features"),
        targets=str(folder / "live.csv"),
        target="accuracy",
        out=str(folder / "run"),
        budget=TRAINED,
        epochs=20,
        loss="pairwise",
        predictor={"name": "mlp", "width": 32},
    )
    export(checkpoint=str(folder / "run"), out=str(folder / "a.parzc"))
    return folder


def options(folder: Path, **changes: str) -> dict[str, str]:
    files = {"proxy": "a.parzc", "features": "features", "targets": "targets.csv"}
    given = {key: str(folder / name) for key, name in files.items()}
    return given | {"target": "accuracy", "out": str(folder / "out")} | changes


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, pd.DataFrame]:
    return importance(**options(folder))


def test_the_node_that_targets_depend_on_is_found(found):
    nodes = found["positions"].dropna().sort_values("importance", ascending=False)
    assert nodes["name"].iloc[0] == HEARD
    assert nodes["importance"].iloc[0] > 2 * nodes["importance"].iloc[1]


def test_the_statistic_that_targets_depend_on_is_found(found):
    statistics = found["statistics"].sort_values("importance", ascending=False)
    assert statistics["statistic"].iloc[0] == "synflow"
    assert statistics["importance"].iloc[0] > 2 * statistics["importance"].iloc[1]


@pytest.mark.parametrize("parts", ["positions", "statistics"])
def test_the_ranking_needs_what_is_important(found, parts):
    mean = found["deletion"].query("parts == @parts").groupby("order")["kendall_tau"].mean()
    assert mean["most"] < mean["random"] < mean["least"]


def test_positions_are_taken_away_but_not_the_sums(found):
    counts = found["deletion"].query("parts == 'positions'")["removed"]
    assert counts.max() == len(NODES)
    assert len(found["positions"]) == len(NODES) + 1


def test_files_hold_what_is_returned(folder, found):
    for name, frame in found.items():
        written = pd.read_csv(folder / "out" / f"{name}.csv")
        pd.testing.assert_frame_equal(written, frame.reset_index(drop=True), check_dtype=False, rtol=1e-4)


def test_the_folder_has_the_picture_and_its_provenance(folder, found):
    files = {"positions.csv", "statistics.csv", "deletion.csv", "importance.png", "run.json"}
    assert {path.name for path in (folder / "out").iterdir()} == files
    with Image.open(folder / "out" / "importance.png") as picture:
        assert picture.width > 1000


def test_training_and_dead_architectures_are_left_out(folder, tmp_path, capsys):
    importance(**options(folder, out=str(tmp_path / "out")), samples=1)
    notes = capsys.readouterr().err
    assert f"{DEAD} architectures have no live node" in notes
    assert f"{TRAINED} of {ALL} architectures were used in training" in notes


def test_without_targets_there_is_no_check(folder, tmp_path):
    given = options(folder, out=str(tmp_path / "out"))
    del given["targets"], given["target"]
    assert set(importance(**given, architectures=5, samples=1)) == {"positions", "statistics"}
    assert not (tmp_path / "out" / "deletion.csv").exists()


def test_fewer_architectures_are_explained_on_demand(folder, tmp_path, capsys):
    importance(**options(folder, out=str(tmp_path / "out")), architectures=7, samples=1)
    assert "Kendall tau without positions, 7 architectures" in capsys.readouterr().out


def test_a_target_without_targets_is_refused(folder):
    given = options(folder)
    del given["targets"]
    with pytest.raises(ValueError, match="needs both targets=… and target=…"):
        importance(**given)


def test_a_training_free_proxy_is_refused(folder):
    with pytest.raises(ValueError, match=r"a learned proxy, a file \*.parzc, got snip"):
        importance(**options(folder, proxy="snip"))
