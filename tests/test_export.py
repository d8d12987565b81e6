import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from parzc.commands.adaptation import trained_spaces
from parzc.commands.export import _summary, export
from parzc.commands.score import score
from parzc.commands.train import train
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.proxy import load_proxy
from tests.proxies_to_load import STATISTICS, tables

SETTINGS = {
    "space": {"name": "networks", "classes": 3, "image_shape": [3, 8, 8]},
    "statistics": list(STATISTICS),
    "batch": {"size": 4, "sha256": "0"},
    "seed": 11,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training run on a store of twelve small networks."""
    folder = tmp_path_factory.mktemp("export")
    store = FeatureStore.create(folder / "features", SETTINGS)
    measured = {Architecture(f"net{i:02}"): table for i, table in enumerate(tables(12))}
    with store.lock():
        store.add(measured.items())
    rows = [f"{name},{0.3 + index / 40}" for index, name in enumerate(measured)]
    (folder / "targets.csv").write_text("\n".join(["architecture,accuracy", *rows]))
    train(
        features=str(folder / "features"),
        targets=str(folder / "targets.csv"),
        target="accuracy",
        out=str(folder / "run"),
        budget=8,
        epochs=2,
        encoding={"name": "resampled", "positions": 4},
        predictor={"name": "mabn", "width": 4, "blocks": 1, "members": 2},
    )
    return folder / "run"


def _tables() -> list[Table]:
    return tables(12)


def test_the_proxy_scores_as_the_training_run_did(run: Path, tmp_path: Path):
    export(checkpoint=str(run), out=str(tmp_path / "a.parzc"))
    held_out = np.genfromtxt(run / "held_out.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    by_name = dict(zip((f"net{i:02}" for i in range(12)), _tables(), strict=True))
    mean, _ = load_proxy(tmp_path / "a.parzc").predict([by_name[name] for name in held_out["architecture"]])
    assert mean == pytest.approx(held_out["score"], abs=1e-6)


def test_the_file_says_where_the_proxy_comes_from(run: Path, tmp_path: Path):
    metadata = export(checkpoint=str(run / "checkpoint.ckpt"), out=str(tmp_path / "a.parzc")).metadata
    assert {key: metadata[key] for key in SETTINGS} == SETTINGS
    assert metadata["target"] == "accuracy"
    assert metadata["training"] == (run / "training.txt").read_text().split()
    assert set(metadata["versions"]) >= {"parzc", "torch", "python"}
    assert "n" in metadata["metrics"]


def test_exporting_twice_gives_the_same_bytes(run: Path, tmp_path: Path):
    for name in ("a.parzc", "b.parzc"):
        export(checkpoint=str(run), out=str(tmp_path / name))
    assert (tmp_path / "a.parzc").read_bytes() == (tmp_path / "b.parzc").read_bytes()


def test_an_exported_proxy_scores_any_network(run: Path, tmp_path: Path):
    export(checkpoint=str(run), out=str(tmp_path / "a.parzc"))
    rows = score(proxy=str(tmp_path / "a.parzc"), network="tests.proxies_to_load:network")
    assert np.isfinite(rows[0].score)
    assert rows[0].sd > 0


def test_a_folder_without_checkpoint_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="it holds no checkpoint"):
        export(checkpoint=str(tmp_path), out=str(tmp_path / "a.parzc"))


def test_two_checkpoints_in_one_folder_are_an_error(run: Path, tmp_path: Path):
    for name in ("a.ckpt", "b.ckpt"):
        shutil.copy(run / "checkpoint.ckpt", tmp_path / name)
    with pytest.raises(ValueError, match=r"found a\.ckpt, b\.ckpt; give one of them"):
        export(checkpoint=str(tmp_path), out=str(tmp_path / "a.parzc"))


def test_a_checkpoint_of_another_program_is_an_error(tmp_path: Path):
    torch.save({"state_dict": {"encoding.x": torch.zeros(1)}}, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match="it describes no proxy"):
        export(checkpoint=str(tmp_path), out=str(tmp_path / "a.parzc"))
    assert not (tmp_path / "a.parzc").exists()


def test_a_truncated_checkpoint_is_an_error(run: Path, tmp_path: Path):
    whole = (run / "checkpoint.ckpt").read_bytes()
    (tmp_path / "half.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"half\.ckpt is truncated"):
        export(checkpoint=str(tmp_path / "half.ckpt"), out=str(tmp_path / "a.parzc"))


def test_the_line_that_is_printed_names_every_space():
    metadata = load_proxy("universal").metadata
    assert _summary(metadata).endswith(f"of {', '.join(trained_spaces(metadata))}")
    assert len(trained_spaces(metadata)) == 7
