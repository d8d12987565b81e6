"""Targets: accuracies by architecture, in a CSV file."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal

import pandas as pd

from parzc.atomic import atomic_write
from parzc.probing.table import Architecture

__all__ = ["as_fractions", "read_table", "read_targets", "write_targets"]


def read_targets(path: str | Path, column: str, architectures: Collection[str]) -> dict[Architecture, float]:
    """Read one column of accuracies.

    The key is the column `architecture` if there is one, else the column that shares most values
    with `architectures`, so that official benchmark files can be read as they are. A column with a
    value above 1 is taken for percent.

    Args:
        path: A CSV file, which may be compressed (`.csv.gz`).
        column: The column of accuracies.
        architectures: The architectures wanted.

    Returns:
        Accuracies as fractions in [0, 1], higher is better, of those of `architectures` that the
        file knows, in their order.

    Raises:
        FileNotFoundError: If there is no such file.
        LookupError: If there is no such column; the message lists what there is.
        ValueError: If the file is no CSV, the column holds no accuracies, an architecture occurs
            twice, or the file knows none of `architectures`.
    """
    frame = read_table(path)
    if column not in frame.columns:
        raise LookupError(f"{path} has no column {column!r}; it has {', '.join(frame.columns)}.")
    wanted = dict.fromkeys(architectures)
    key = _key_column(frame, wanted.keys(), column)
    values = as_fractions(frame[column], path)
    known = values.set_axis(frame[key])[lambda series: series.index.isin(wanted)].dropna()
    if known.empty:
        raise ValueError(
            f"the targets {path} should overlap with the architectures, but none of the {len(wanted)}"
            f" asked for is in its column {key!r} with a value; check that both come from the same space."
        )
    if known.index.has_duplicates:
        twice = known.index[known.index.duplicated()][0]
        raise ValueError(f"{path} should have one row an architecture, found {twice!r} more than once.")
    by_name = known.to_dict()
    return {Architecture(name): float(by_name[name]) for name in wanted if name in by_name}


def write_targets(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table of accuracies, whole or not at all.

    Args:
        path: The CSV file; compressed if it ends in `.gz`.
        frame: A column `architecture` and columns of fractions in [0, 1]; six digits are kept, and a
            value that is missing stays so.

    Raises:
        ValueError: If there is no column `architecture`, it names one twice, or another column holds
            no fractions.
    """
    _check(frame)
    with atomic_write(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV file as text: names of architectures may look like numbers, or like `NaN`.

    Args:
        path: The file, which may be compressed (`.csv.gz`).

    Returns:
        Its columns, an empty field as empty text.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no CSV.
    """
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there should be a file of targets at {path}, found none.") from error
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} should be a CSV file with a header: {str(error).strip()}.") from error


def as_fractions(
    texts: pd.Series, path: str | Path, *, unit: Literal["guess", "fraction", "percent"] = "guess"
) -> pd.Series:
    """Read accuracies.

    Args:
        texts: A column of numbers as text; an empty one, `nan`, `none` or `null` is missing.
        path: Where it is from, for errors.
        unit: That of the numbers; to guess is to take a column with a value above 1 for percent.

    Returns:
        Fractions in [0, 1], higher is better; NaN where missing.

    Raises:
        ValueError: If a text is no number or a number is no accuracy in that unit.
    """
    texts = texts.str.strip()
    missing = texts.str.lower().isin(("", "nan", "na", "none", "null"))
    numbers = pd.to_numeric(texts.mask(missing), errors="coerce")
    unreadable = texts[numbers.isna() & ~missing]
    if len(unreadable):
        raise ValueError(
            f"column {texts.name!r} of {path} should hold accuracies, found {unreadable.iloc[0]!r};"
            " choose another."
        )
    percent = numbers.max() > 1 if unit == "guess" else unit == "percent"
    largest = 1 if unit == "fraction" else 100
    if numbers.min() < 0 or numbers.max() > largest:
        raise ValueError(
            f"column {texts.name!r} of {path} should hold accuracies"
            f" {'as fractions or percent' if unit == 'guess' else f'from 0 to {largest}'},"
            f" found {numbers.min():g} to {numbers.max():g}; choose another."
        )
    return numbers / 100 if percent else numbers


def _check(frame: pd.DataFrame) -> None:
    if "architecture" not in frame.columns:
        raise ValueError(
            f"targets should have a column 'architecture', got {', '.join(map(str, frame.columns))}."
        )
    names = frame["architecture"]
    if names.duplicated().any():
        raise ValueError(
            f"targets should have one row an architecture, found {names[names.duplicated()].iloc[0]!r} twice."
        )
    for column, values in frame.drop(columns="architecture").items():
        numbers = pd.to_numeric(values, errors="coerce")
        wrong = values[values.notna() & ~numbers.between(0, 1)]
        if len(wrong):
            raise ValueError(f"targets should be fractions in [0, 1], found {wrong.iloc[0]} in {column!r}.")


def _key_column(frame: pd.DataFrame, wanted: Collection[str], column: str) -> str:
    if "architecture" in frame.columns:
        return "architecture"
    shared = {name: int(frame[name].isin(wanted).sum()) for name in frame.columns if name != column}
    if not shared:
        raise ValueError(f"targets should name the architectures in a column, found only {column!r}.")
    return max(shared, key=lambda name: shared[name])
