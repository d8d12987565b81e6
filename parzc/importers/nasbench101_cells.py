"""NAS-Bench-101 as a table of cells."""

from pathlib import Path

import pandas as pd

from parzc.cell_graph import OPERATIONS, Cell
from parzc.probing.table import Architecture
from parzc.targets import as_fractions, read_table

__all__ = ["import_cells"]

_FIELDS = ("hash", "adjacency", "ops")
_MARK = "_acc"


def import_cells(file: Path) -> pd.DataFrame:
    """NAS-Bench-101 as a CSV file of cells, for the space `nasbench101`.

    One row a cell: its official `hash`, the `adjacency` matrix as digits row by row, `ops` as one
    digit for each vertex between input and output (0 conv3x3, 1 conv1x1, 2 maxpool3x3), and columns of
    accuracies with `_acc` in their names, such as `val_acc_108ep`; others are left out. All 423,624
    cells take some 35 MB, compressed 15.

    Args:
        file: The file.

    Returns:
        Canonical notations, and the columns of accuracies as fractions.

    Raises:
        ValueError: If the file has other columns, or a cell's hash is not the one that it states.

    Source:
        No official file: extracts of NAS-Bench-101 (Ying et al., ICML 2019; data under Apache-2.0)
        go around in this form, because the official ones need a reader for TFRecords.
    """
    table = read_table(file)
    columns = [name for name in table.columns if _MARK in name]
    if not columns or not set(_FIELDS) <= set(table.columns):
        raise ValueError(
            f"{file} should have the columns {', '.join(_FIELDS)} and some with {_MARK} in their names;"
            f" it has {', '.join(table.columns)}."
        )
    rows = zip(*(table[field] for field in _FIELDS), strict=True)
    names = [_architecture(key, adjacency, digits, file) for key, adjacency, digits in rows]
    accuracies = {name: as_fractions(table[name], file) for name in columns}
    return pd.DataFrame({"architecture": names} | accuracies)


def _architecture(key: str, adjacency: str, digits: str, file: Path) -> Architecture:
    known = {str(digit): name for digit, name in enumerate(OPERATIONS)}
    cell = Cell.from_matrix(adjacency, [known.get(digit, digit) for digit in digits])
    if cell.fingerprint() != key:
        raise ValueError(f"the cell {adjacency},{digits} of {file} should have the hash {key}, and has not.")
    return cell.canonical().write()
