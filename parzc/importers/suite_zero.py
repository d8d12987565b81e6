"""NAS-Bench-Suite-Zero: the accuracies beside its table of proxies."""

import json
from collections.abc import Sequence
from math import isqrt
from pathlib import Path
from typing import Literal

import pandas as pd

from parzc.cell_graph import Cell

__all__ = ["import_suite_zero"]

_EDGES = ("01", "02", "03", "12", "13", "23")
_OFFICIAL = ("01", "02", "12", "03", "13", "23")
_OPERATIONS_201 = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_OPERATIONS_101 = ("input", "output", "maxpool3x3", "conv1x1", "conv3x3")
_DATASETS = {"ImageNet16-120": "imagenet16"}


def import_suite_zero(
    file: Path, *, space: Literal["nasbench201", "nasbench101"] = "nasbench201"
) -> pd.DataFrame:
    """`zc_nasbench201.json` or `zc_nasbench101.json` of NAS-Bench-Suite-Zero.

    By data set and architecture it has the scores of 13 proxies and `val_accuracy`, in percent. An
    architecture is a list of numbers in parentheses: NASLib's numbers of the operations on the edges 0→1,
    0→2, 0→3, 1→2, 1→3, 2→3, or the matrix and the operations of a cell of NAS-Bench-101.

    Args:
        file: The file.
        space: Which of the two spaces it is about.

    Returns:
        Architectures and accuracies as fractions. For NAS-Bench-201 the file calls validation what is
        the *test* accuracy of one seed, so the columns are `cifar10_test_one_seed` and so on; for
        NAS-Bench-101 it is the validation accuracy of one run, `cifar10_valid_one_seed`.

    Raises:
        ValueError: If the file has another layout.

    Source:
        Krishnakumar et al., NeurIPS 2022; the script download_nbs_zero.sh in the branch `zerocost` of
        github.com/automl/NASLib (Apache-2.0) fetches the files from Google Drive, tens of MB each.
    """
    read, part = (_cell_201, "test") if space == "nasbench201" else (_cell_101, "valid")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        columns = {
            f"{_DATASETS.get(dataset, dataset)}_{part}_one_seed": {
                read(json.loads(f"[{key.strip('()[]')}]")): float(scores["val_accuracy"])
                for key, scores in architectures.items()
            }
            for dataset, architectures in content.items()
        }
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file} should have val_accuracy by data set and architecture of {space}: {error!r}."
        ) from error
    frame = pd.DataFrame(columns)
    if frame.empty:
        raise ValueError(f"{file} should have val_accuracy by data set and architecture, found none.")
    frame = frame.where(frame.max() <= 1, frame / 100)
    return frame.rename_axis("architecture").reset_index()


def _cell_201(numbers: Sequence[int]) -> str:
    names = (_OPERATIONS_201[number] for number in numbers)
    by_edge = dict(zip(_EDGES, names, strict=True))
    return "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*(by_edge[edge] for edge in _OFFICIAL))


def _cell_101(numbers: Sequence[int]) -> str:
    vertices = isqrt(len(numbers))  # n·n digits of the matrix and n operations
    matrix, operations = numbers[: -vertices or None], numbers[-vertices:]
    names = [_OPERATIONS_101[number] for number in operations[1:-1]]
    return Cell.from_matrix("".join(map(str, matrix)), names).canonical().write()
