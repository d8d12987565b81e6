"""NAS-Bench-101's TFRecords, in tiny files of the same layout."""

import json
import struct
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from tensorboard.summary.writer.record_writer import RecordWriter

from parzc.cell_graph import Cell
from parzc.importers.nasbench101 import import_nasbench101

CHAIN, BYPASS = "010001000:conv1x1", "011001000:maxpool3x3"
OFFICIAL = {"conv1x1": "conv1x1-bn-relu", "maxpool3x3": "maxpool3x3"}


def metrics(valid: float, test: float, evaluations: int = 3) -> bytes:
    """The benchmark's message: evaluations as field 1, each of five doubles; parameters as field 2."""
    out = b""
    for index in range(evaluations):
        last = index == evaluations - 1
        values = (54.0 * index, 600.0, 1.0, valid, test) if last else (54.0 * index, 300.0, 0.5, 0.2, 0.3)
        body = b"".join(bytes([n << 3 | 1]) + struct.pack("<d", value) for n, value in enumerate(values, 1))
        out += bytes([1 << 3 | 2, len(body)]) + body
    return out + bytes([2 << 3, 100])


def record(name: str, message: bytes, epochs: int = 108, **changed: Any) -> list[Any]:
    cell = Cell.read(name)
    adjacency, _, operation = name.partition(":")
    fields = {
        "hash": cell.fingerprint(),
        "epochs": epochs,
        "adjacency": adjacency,
        "operations": f"input,{OFFICIAL[operation]},output",
        "metrics": b64encode(message).decode(),
    }
    return list((fields | changed).values())


def write(path: Path, *records: Any) -> Path:
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for row in records:
            writer.write(json.dumps(row).encode())
    return path


def test_accuracies_are_the_mean_at_the_end_of_training(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a",
        record(CHAIN, metrics(0.75, 0.5)),
        record(BYPASS, metrics(0.125, 0.25)),
        record(CHAIN, metrics(0.25, 0.25)),
    )
    assert import_nasbench101(file).to_dict("list") == {
        "architecture": [CHAIN, BYPASS],
        "cifar10_valid": [0.5, 0.125],
        "cifar10_test": [0.375, 0.25],
    }


def test_trainings_of_other_lengths_are_left_out(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a", record(CHAIN, metrics(0.75, 0.5)), record(CHAIN, metrics(0.25, 0.25), epochs=12)
    )
    assert import_nasbench101(file, epochs=12)["cifar10_valid"].tolist() == [0.25]
    with pytest.raises(ValueError, match=r"36 epochs, found \[12, 108\]"):
        import_nasbench101(file, epochs=36)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (record(CHAIN, metrics(0.5, 0.5), hash="0" * 32), "hash of 010001000:conv1x1 is not 000"),
        (record(CHAIN, metrics(0.5, 0.5), operations="input,conv5x5,output"), "should read"),
        (record(CHAIN, metrics(0.5, 0.5), metrics="?"), "training of NAS-Bench-101"),
        (record(CHAIN, metrics(0.5, 0.5)[:-40]), "damaged"),
        (record(CHAIN, metrics(0.5, 0.5, evaluations=2)), "2 evaluations instead of 3"),
        (record(CHAIN, metrics(0.5, 50.0)), "accuracy of 50"),
        ({"hash": 1}, "record 1 of"),
        (3, "record 1 of"),
    ],
)
def test_records_of_something_else_are_refused(tmp_path: Path, row: Any, message: str) -> None:
    file = write(tmp_path / "a", row)
    with pytest.raises(ValueError, match=message):
        import_nasbench101(file)


@pytest.mark.parametrize("change", [lambda data: data[:-9], lambda data: data[:40] + b"?" + data[41:]])
def test_damaged_files_are_refused(tmp_path: Path, change: Any) -> None:
    file = write(tmp_path / "a", record(CHAIN, metrics(0.5, 0.5)))
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ValueError, match="whole file of TFRecords"):
        import_nasbench101(file)


def test_without_tensorboard_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "a", record(CHAIN, metrics(0.5, 0.5)))
    monkeypatch.setitem(sys.modules, "tensorboard.compat.tensorflow_stub", None)
    with pytest.raises(ImportError, match="pip install 'parzc\\[tensorboard\\]'"):
        import_nasbench101(file)
