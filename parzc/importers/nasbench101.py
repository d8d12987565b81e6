"""NAS-Bench-101 as published: TFRecords."""

import json
import struct
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from parzc.cell_graph import Cell
from parzc.probing.table import Architecture

__all__ = ["import_nasbench101"]

_NAMES = {"conv3x3-bn-relu": "conv3x3", "conv1x1-bn-relu": "conv1x1", "maxpool3x3": "maxpool3x3"}
_EVALUATION, _VALID, _TEST = 1, 4, 5  # field numbers in the benchmark's description of its metrics
_CHECKPOINTS = 3  # before training, half-way, at the end


def import_nasbench101(file: Path, *, epochs: int = 108) -> pd.DataFrame:
    """NAS-Bench-101 as published (TFRecords), for the space `nasbench101`.

    `nasbench_only108.tfrecord` (499 MB) or `nasbench_full.tfrecord` (1.95 GB, 4, 12, 36 and 108
    epochs), from https://storage.googleapis.com/nasbench/. 423,624 cells, each trained three times
    on 40,000 images of CIFAR-10 for each number of epochs. Needs TensorBoard, whose reader of TFRecords does
    without TensorFlow (`pip install 'parzc[tensorboard]'`), and some ten minutes.

    Args:
        file: The file.
        epochs: Which trainings to take.

    Returns:
        Canonical notations, and `cifar10_valid` and `cifar10_test` at the end of training: accuracies
        as fractions, the mean over a cell's trainings.

    Raises:
        ImportError: If TensorBoard is not installed.
        ValueError: If the file is damaged or something else, a cell's hash is not the one that it
            states, or no training has that many epochs.

    Source:
        Ying et al., ICML 2019; data and public reader google-research/nasbench under Apache-2.0.
        A record is the JSON list hash, epochs, adjacency matrix, operations and metrics, the last a
        protocol buffer in base64.
    """
    cells: dict[str, Architecture] = {}
    rows: list[tuple[Architecture, float, float]] = []
    lengths: set[int] = set()
    for number, record in enumerate(_records(file), 1):
        try:
            key, length, adjacency, operations, metrics = json.loads(record)
            lengths.add(length)
            if length == epochs:
                if key not in cells:
                    cells[key] = _architecture(key, adjacency, operations.split(","))
                rows.append((cells[key], *_accuracies(b64decode(metrics, validate=True))))
        except (ValueError, AttributeError, LookupError, TypeError) as error:
            raise ValueError(
                f"record {number} of {file} should be a training of NAS-Bench-101, is not: {error}."
            ) from error
    if not rows:
        raise ValueError(
            f"{file} should have trainings of {epochs} epochs, found {sorted(lengths) or 'none at all'};"
            " set `format.epochs`."
        )
    table = pd.DataFrame(rows, columns=["architecture", "cifar10_valid", "cifar10_test"])
    return table.groupby("architecture", sort=False, as_index=False).mean()


def _records(file: Path) -> Iterator[bytes]:
    try:
        from tensorboard.compat.tensorflow_stub import errors
        from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
    except ImportError as error:
        raise ImportError(
            "TensorBoard should be there to read TFRecords, and is not; pip install 'parzc[tensorboard]'."
        ) from error
    reader = PyRecordReader_New(str(file))
    while True:
        try:
            reader.GetNext()
        except errors.OutOfRangeError:
            return
        except errors.DataLossError as error:
            raise ValueError(f"{file} should be a whole file of TFRecords: {error.message}.") from error
        yield reader.record()


def _architecture(key: str, adjacency: str, operations: list[str]) -> Architecture:
    cell = Cell.from_matrix(adjacency, [_NAMES.get(name, name) for name in operations[1:-1]])
    if cell.fingerprint() != key:
        raise ValueError(f"the hash of {cell.write()} is not {key}")
    return cell.canonical().write()


def _accuracies(metrics: bytes) -> tuple[float, float]:
    evaluations = _fields(metrics)[_EVALUATION]
    if len(evaluations) != _CHECKPOINTS:
        raise ValueError(f"{len(evaluations)} evaluations instead of {_CHECKPOINTS}")
    last = _fields(evaluations[-1])
    return _double(last[_VALID][0]), _double(last[_TEST][0])


def _fields(message: bytes) -> dict[int, list[Any]]:
    """Read a protocol buffer without its description: contents by field number."""
    from google.protobuf.empty_pb2 import Empty
    from google.protobuf.message import DecodeError
    from google.protobuf.unknown_fields import UnknownFieldSet

    found: dict[int, list[Any]] = defaultdict(list)
    try:
        for field in UnknownFieldSet(Empty.FromString(message)):
            found[field.field_number].append(field.data)
    except DecodeError as error:
        raise ValueError(f"the metrics are damaged: {error}") from error
    return found


def _double(bits: int) -> float:
    value: float = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    if not 0 <= value <= 1:
        raise ValueError(f"an accuracy of {value:g}")
    return value
