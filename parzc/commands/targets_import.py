"""`parzc targets import`: turn a benchmark's own file into a file of targets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from parzc import plugins
from parzc.probing.table import Architecture
from parzc.provenance import write_provenance
from parzc.space import Space
from parzc.targets import write_targets

__all__ = ["targets_import"]


def targets_import(
    *,
    format: str | Mapping[str, Any],
    file: str,
    out: str,
    space: str | Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Turn a benchmark's own file into a file of targets.

    Args:
        format: What the file is (a file in `parzc/importers`), or its name and options.
        file: The benchmark's file or folder.
        out: The CSV file to write: `architecture`, and accuracies as fractions.
        space: A search space that has to be able to read every architecture; not checked without.

    Returns:
        What was written: one row an architecture.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not what the format says, or the space cannot read an architecture.
    """
    settings = dict(locals())
    if not Path(file).exists():
        raise FileNotFoundError(f"there should be a benchmark's file at {file}, found none.")
    frame: pd.DataFrame = plugins.build("importers", format, file=Path(file))
    if space is not None:
        _check(plugins.build("spaces", space), frame["architecture"])
    write_targets(out, frame)
    write_provenance(out, settings)
    _report(frame, out)
    return frame


def _check(space: Space, names: pd.Series) -> None:
    for name in names:
        space.canonical(Architecture(name))


def _report(frame: pd.DataFrame, out: str) -> None:
    print(f"{out}: {len(frame)} architectures.")
    for column, values in frame.drop(columns="architecture").items():
        missing = int(values.isna().sum())
        without = f", missing for {missing}" if missing else ""
        print(f"  {column}: {values.min():.4f} to {values.max():.4f}{without}")
