"""A table of accuracies in a CSV file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from parzc.targets import as_fractions, read_table

__all__ = ["import_csv"]


def import_csv(
    file: Path,
    *,
    key: str = "architecture",
    columns: Sequence[str] = (),
    unit: Literal["guess", "fraction", "percent"] = "guess",
) -> pd.DataFrame:
    """A CSV file of any benchmark, with a header, compressed or not.

    Args:
        file: The file.
        key: The column that names the architectures, in the notation of the space.
        columns: The columns of accuracies; all others if none is named.
        unit: That of the accuracies. To guess is to take a column with a value above 1 for percent.

    Returns:
        A column `architecture` and the columns of accuracies, as fractions in [0, 1].

    Raises:
        LookupError: If there is no such column; the message lists what there is.
        ValueError: If the file is no CSV, or a column holds no accuracies.
    """
    table = read_table(file)
    wanted = list(columns) or [name for name in table.columns if name != key]
    for name in (key, *wanted):
        if name not in table.columns:
            raise LookupError(f"{file} has no column {name!r}; it has {', '.join(table.columns)}.")
    accuracies = {name: as_fractions(table[name], file, unit=unit) for name in wanted}
    return pd.DataFrame({"architecture": table[key]} | accuracies)
