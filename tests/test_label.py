"""Training networks for their accuracies."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from parzc.commands.label import label
from parzc.commands.selection import choose_architectures
from parzc.journal import Journal
from parzc.spaces.digits_vit import DigitsViT

ROOT = Path(__file__).parents[1]

QUICK = {
    "space": "digits_vit",
    "data": {"name": "noise", "shape": [1, 8, 8], "images": 64},
    "epochs": 1,
    "batch": 16,
    "learning_rate": 0.1,
    "seeds": 2,
    "jobs": 1,
}


def torn() -> nn.Module:
    """Make a network that dies in its first forward."""
    return nn.Linear(3, 10)


def sound() -> nn.Module:
    """Make a network that can be trained."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def infinite() -> nn.Module:
    """Make a network whose loss is not finite."""
    network = sound()
    nn.init.constant_(network[1].weight, float("inf"))
    return network


def write_pictures(folder: Path) -> Path:
    """Write 3 classes of 16 pictures each."""
    random = np.random.default_rng(0)
    for number in range(48):
        path = folder / f"class{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 80, (8, 8), dtype=np.uint8) + np.uint8(80 * (number % 3))
        Image.fromarray(pixels).save(path)
    return folder


def test_written_columns_are_means_and_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = label(**QUICK, out=str(tmp_path / "a.csv"), architectures=3)
    written = pd.read_csv(tmp_path / "a.csv")
    assert list(written.columns) == [
        "architecture",
        "accuracy",
        "test_accuracy",
        "accuracy_seed0",
        "accuracy_seed1",
        "test_accuracy_seed0",
        "test_accuracy_seed1",
    ]
    assert written["architecture"].tolist() == DigitsViT().sample(3, 0)
    means = written[["accuracy_seed0", "accuracy_seed1"]].mean(axis=1)
    assert written["accuracy"].tolist() == pytest.approx(means.tolist(), abs=1e-5)
    assert frame.drop(columns="architecture").stack().between(0, 1).all()
    assert "3 networks" in capsys.readouterr().out


def test_settings_are_written_beside_the_product(tmp_path: Path) -> None:
    label(**QUICK, out=str(tmp_path / "a.csv"), architectures=1)
    beside = json.loads((tmp_path / "a.csv.run.json").read_text())
    assert beside["settings"]["learning_rate"] == 0.1


def test_numbers_depend_on_neither_jobs_nor_random_state(tmp_path: Path) -> None:
    first = label(**QUICK, out=str(tmp_path / "a.csv"), architectures=3)
    torch.rand(7)
    second = label(**QUICK | {"jobs": 2}, out=str(tmp_path / "b.csv"), architectures=3)
    pd.testing.assert_frame_equal(first, second)


def test_a_killed_run_goes_on_and_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = label(**QUICK, out=str(tmp_path / "whole.csv"), architectures=4)
    journal = (tmp_path / "whole.csv.journal.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "torn.csv.journal.jsonl").write_text("".join(journal[:3]) + journal[3][:20])
    built: list[str] = []
    build = DigitsViT.build
    monkeypatch.setattr(DigitsViT, "build", lambda self, name: built.append(name) or build(self, name))
    resumed = label(**QUICK, out=str(tmp_path / "torn.csv"), architectures=4)
    pd.testing.assert_frame_equal(whole, resumed)
    assert built == [name for name in whole["architecture"][1:] for _ in range(2)]


def test_a_run_that_is_killed_outright_goes_on_and_writes_the_same_file(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    options = QUICK | {
        "space": {"name": "nasbench201", "channels": 4, "cells": 1},
        "data": {"name": "folder", "path": str(pictures), "size": 8},
        "architectures": 8,
        "epochs": 3,  # so that there is time to kill it
        "augment": ["crop"],
    }
    label(**options, out=str(tmp_path / "whole.csv"))
    killed, journal = tmp_path / "killed.csv", tmp_path / "killed.csv.journal.jsonl"
    code = f"from parzc.commands.label import label; label(**{options}, out={str(killed)!r})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    while process.poll() is None and (not journal.exists() or journal.read_text().count("\n") < 4):
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not killed.exists()
    label(**options | {"jobs": 2}, out=str(killed))
    assert killed.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_more_seeds_extend_an_earlier_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = label(**QUICK, out=str(tmp_path / "whole.csv"), architectures=2)
    label(**QUICK | {"seeds": 1}, out=str(tmp_path / "a.csv"), architectures=2)
    built: list[str] = []
    build = DigitsViT.build
    monkeypatch.setattr(DigitsViT, "build", lambda self, name: built.append(name) or build(self, name))
    pd.testing.assert_frame_equal(label(**QUICK, out=str(tmp_path / "a.csv"), architectures=2), whole)
    assert built == whole["architecture"].tolist()


def test_networks_with_batch_norm_train_on_images_of_any_shape(tmp_path: Path) -> None:
    options = {
        "space": {"name": "nasbench201", "channels": 2, "cells": 1},
        "data": {"name": "noise", "shape": [3, 5, 9], "images": 16},
        "augment": ["flip", "crop"],
        "batch": 2,
    }
    assert len(label(**QUICK | options, out=str(tmp_path / "a.csv"), architectures=2)) == 2


def test_more_architectures_extend_an_earlier_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = str(tmp_path / "a.csv")
    label(**QUICK, out=out, architectures=2)
    frame = label(**QUICK, out=out, architectures=3)
    assert len(frame) == 3
    monkeypatch.setattr(DigitsViT, "build", None)
    pd.testing.assert_frame_equal(label(**QUICK, out=out, architectures=2), frame[:2])


def test_a_journal_of_other_settings_is_refused(tmp_path: Path) -> None:
    out = str(tmp_path / "a.csv")
    label(**QUICK, out=out, architectures=1)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ValueError, match=r"epochs 1, now 2\).* delete it"):
        label(**QUICK | {"epochs": 2}, out=out, architectures=1)
    assert sorted(os.listdir(tmp_path)) == before


def test_networks_that_die_are_named_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{__name__}:{name}" for name in ("sound", "torn", "infinite")]
    (tmp_path / "names.txt").write_text("\n".join(names))
    options = QUICK | {"space": "networks", "architectures": str(tmp_path / "names.txt")}
    frame = label(**options, out=str(tmp_path / "a.csv"))
    assert frame["architecture"].tolist() == names[:1]
    said = capsys.readouterr().err
    assert "2 networks failed" in said
    assert "loss should stay finite" in said


def test_nothing_is_written_if_all_die(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text(f"{__name__}:torn")
    options = QUICK | {"space": "networks", "architectures": str(tmp_path / "names.txt")}
    with pytest.raises(RuntimeError, match="all 1 networks failed"):
        label(**options, out=str(tmp_path / "a.csv"))
    assert not (tmp_path / "a.csv").exists()


WRONG = (
    {"augment": ["rotate"]},
    {"patience": 0},
    {"device": "cuda:99"},
    {"seeds": 0},
    {"jobs": 0},
    {"epochs": 0},
    {"validation": 1.0},
    {"batch": 1},
)


@pytest.mark.parametrize("options", WRONG)
def test_values_out_of_range_are_refused(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="should"):
        label(**QUICK | options, out=str(tmp_path / "a.csv"), architectures=1)
    assert not (tmp_path / "a.csv").exists()


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.journal.jsonl"
    for content in ("nonsense\n", "[]\n", "", '{"settings": {}}\n{"no": 1}\n'):
        path.write_text(content)
        with pytest.raises(ValueError, match="delete it"):
            Journal(path, {})


def test_architectures_are_chosen_by_number_file_or_name(tmp_path: Path) -> None:
    space = DigitsViT()
    sample = space.sample(3, 1)
    (tmp_path / "names.txt").write_text(f"\n{sample[0]}\n  {sample[1]}  \n")
    assert choose_architectures(space, 3, 1) == choose_architectures(space, "3", 1) == sample
    assert choose_architectures(space, str(tmp_path / "names.txt"), 1) == sample[:2]
    assert choose_architectures(space, sample, 0) == sample
    assert choose_architectures(space, "all", 0) == space.architectures()


@pytest.mark.parametrize(
    ("chosen", "error", "message"),
    [
        (0, ValueError, "at least one"),
        (481, ValueError, "480"),
        ([], ValueError, "at least one"),
        (["depth:1-width:16-heads:1-mlp:1"] * 2, ValueError, "twice"),
        (["nonsense"], ValueError, "should read"),
        ("no_such_file.txt", FileNotFoundError, "no file no_such_file"),
    ],
)
def test_wrong_choices_are_refused(chosen: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        choose_architectures(DigitsViT(), chosen, 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_what_a_cpu_trains(tmp_path: Path) -> None:
    options = QUICK | {"architectures": 2, "augment": ["flip", "crop"]}
    on = {device: label(**options, device=device, out=str(tmp_path / device)) for device in ("cpu", "cuda")}
    differences = on["cpu"].drop(columns="architecture") - on["cuda"].drop(columns="architecture")
    assert differences.abs().max().max() < 0.1
