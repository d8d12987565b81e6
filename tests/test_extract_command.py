"""`parzc extract` resumes, appends and reports failures."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from parzc.commands.extract import extract
from parzc.datasets.digits import Digits
from parzc.probing.extract import extract as read
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.spaces.digits_cell import DigitsCell

OPTIONS = {"space": "digits_cell", "data": "digits", "batch": 4, "statistics": ["snip", "synflow"]}


def same(left: FeatureStore, right: FeatureStore) -> bool:
    a, b = left.tables(), right.tables()
    return a.keys() == b.keys() and all(equal(a[name], b[name]) for name in a)


def equal(left: Table, right: Table) -> bool:
    return left.nodes == right.nodes and np.array_equal(left.values, right.values, equal_nan=True)


def test_appends_and_does_nothing_twice(tmp_path: Path) -> None:
    store = extract(**OPTIONS, architectures=3, out=str(tmp_path / "a"), jobs=1)
    shards = store.shards()
    extract(**OPTIONS, architectures=3, out=str(tmp_path / "a"), jobs=1)
    assert store.shards() == shards
    extract(**OPTIONS, architectures=5, out=str(tmp_path / "a"), jobs=1)
    assert len(store.tables()) == 5
    assert same(store, extract(**OPTIONS, architectures=5, out=str(tmp_path / "b"), jobs=1))


def test_defaults_written_out_are_the_same_settings(tmp_path: Path) -> None:
    first = extract(**OPTIONS, architectures=2, out=str(tmp_path), jobs=1)
    space = {"name": "digits_cell", "channels": 8, "cells": 1}
    second = extract(**(OPTIONS | {"space": space}), architectures=2, out=str(tmp_path), jobs=1)
    assert first.settings == second.settings


def test_other_batch_is_refused(tmp_path: Path) -> None:
    extract(**OPTIONS, architectures=2, out=str(tmp_path), jobs=1)
    with pytest.raises(ValueError, match="batch was"):
        extract(**(OPTIONS | {"batch": 5}), architectures=2, out=str(tmp_path), jobs=1)


def test_how_networks_are_read_is_part_of_the_settings(tmp_path: Path) -> None:
    chosen = {"initialisation": "kaiming", "blocks": ["stem", "cells.0"], "compat": "original"}
    statistics = ["expressivity", "l2_norm", "naswot"]
    store = extract(
        **(OPTIONS | {"statistics": statistics}), **chosen, architectures=2, out=str(tmp_path), jobs=1
    )
    assert store.settings.items() >= chosen.items()
    for table in store.tables().values():
        assert [node.name for node in table.nodes if node.kind == "block"] == ["stem", "cells.0"]
        assert table.statistics == ("expressivity", "l2_norm")
        assert table.network["original"] == 1
        assert "naswot" in table.network
    with pytest.raises(ValueError, match="initialisation was 'kaiming', now None"):
        extract(**(OPTIONS | {"statistics": statistics}), architectures=2, out=str(tmp_path), jobs=1)


def test_two_batches_are_different_images(tmp_path: Path) -> None:
    options = OPTIONS | {"statistics": ["zico"]}
    table = next(iter(extract(**options, architectures=1, out=str(tmp_path), jobs=1).tables().values()))
    images = Digits().load()
    network = _build(DigitsCell(), DigitsCell().sample(1, 0)[0])
    both = images.batch(8, 0)
    first, second = (tuple(part[at] for part in both) for at in (slice(4), slice(4, None)))
    expected = read(network, first, ["zico"], second_batch=second)
    np.testing.assert_array_equal(table.values, expected.values)


def _build(space: DigitsCell, architecture: Architecture) -> nn.Module:
    torch.manual_seed(0)
    return space.build(architecture)


def test_explain_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert extract(**OPTIONS, out=str(tmp_path / "a"), explain=True) is None
    lines = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in lines if "feeds" in line] == ["feeds snip", "feeds synflow"]
    assert sum(line.startswith("forward pass") for line in lines) == 2
    assert not (tmp_path / "a").exists()


def test_failures_are_listed_and_do_not_stop_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("tests.networks_to_probe:serial\ntests.networks_to_probe:missing_factory\n")
    options = {
        "space": "networks",
        "data": {"name": "noise", "shape": [3, 8, 8], "classes": 3},
        "statistics": ["snip"],
    }
    store = extract(**options, architectures=str(names), out=str(tmp_path / "out"), batch=4, jobs=1)
    assert store.architectures() == ["tests.networks_to_probe:serial"]
    assert "1 architectures failed" in capsys.readouterr().err
    assert "missing_factory" in (tmp_path / "out" / "failures.json").read_text()


def test_all_failing_is_an_error(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("tests.networks_to_probe:missing_factory\n")
    with pytest.raises(RuntimeError, match="none of 1 networks"):
        extract(space="networks", data="digits", architectures=str(names), out=str(tmp_path / "out"), jobs=1)


def test_equal_functions_have_equal_live_nodes() -> None:
    import torch

    from parzc.images import ImageData
    from parzc.plugins import build
    from parzc.probing.extract import extract as extract_one

    images: ImageData = build("datasets", "digits").load()
    space = DigitsCell()
    duplicates = [name for name in space.sample(40, 0) if space.canonical(name) != name][:5]
    assert duplicates
    for name in duplicates:
        live = []
        for notation in (name, space.canonical(name)):
            torch.manual_seed(0)
            table = extract_one(space.build(notation), images.batch(4, 0))
            live.append(
                {n.name: row.tobytes() for n, row in zip(table.nodes, table.values, strict=True) if n.alive}
            )
        assert live[0] == live[1]


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_killed_extraction_resumes(tmp_path: Path) -> None:
    program = (
        "import sys; from parzc.commands.extract import extract;"
        f" extract(**{OPTIONS!r}, architectures=70, out=sys.argv[1], jobs=2)"
    )
    for _ in range(2):
        run = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "a")],
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        before = len(list((tmp_path / "a").glob("shard-*")))
        deadline = time.monotonic() + 60
        while len(list((tmp_path / "a").glob("shard-*"))) == before and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    store = extract(**OPTIONS, architectures=70, out=str(tmp_path / "a"), jobs=1)
    assert same(store, extract(**OPTIONS, architectures=70, out=str(tmp_path / "b"), jobs=1))
