"""NATS-Bench, which includes NAS-Bench-201, from its official archives."""

import bz2
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from parzc.plain_pickle import read_plain_pickle

__all__ = ["import_nats_bench"]

_SETS = {
    ("cifar10-valid", "x-valid"): "cifar10_valid",
    ("cifar10", "ori-test"): "cifar10_test",
    ("cifar100", "x-valid"): "cifar100_valid",
    ("cifar100", "x-test"): "cifar100_test",
    ("ImageNet16-120", "x-valid"): "imagenet16_valid",
    ("ImageNet16-120", "x-test"): "imagenet16_test",
}
_NAME = re.compile(r"(?:.*/)?(meta|\d+)\.pickle\.pbz2")


def import_nats_bench(file: Path) -> pd.DataFrame:
    """NATS-Bench's archives, for `nasbench201` and `natsbench_size`.

    `NATS-tss-v1_0-3ffb9-simple.tar` has the 15,625 cells of NAS-Bench-201, `NATS-sss-v1_0-50262-simple.tar`
    the 32,768 widths; its readme (github.com/D-X-Y/NATS-Bench, licence MIT) links to copies on Google
    Drive, Dropbox and OneDrive. Some 2 GB each. `meta.pickle.pbz2` lists the architectures, one file
    a number has the results of each: by number of epochs, data set, seed and part of the data.
    The pickles are read without running code from them, and without the package `nats_bench`.

    Args:
        file: The archive, or the folder unpacked from it.

    Returns:
        Accuracies at the end of training as fractions, means over the seeds: `cifar10_valid`
        (25,000 training images held out), `cifar10_test` (trained on all 50,000), and halves of the
        test parts as `cifar100_valid`, `cifar100_test`, `imagenet16_valid` and `imagenet16_test`.
        Those of shorter trainings end in `_12ep` and so on.

    Raises:
        ValueError: If the file has another layout.

    Source:
        Dong et al., TPAMI 2021. Compared with the package `nats_bench` 1.8, its `get_more_info` with
        `is_random=False`, on an archive that its classes wrote; the official archives were out of
        reach.
    """
    names: list[str] = []
    rows: dict[int, dict[str, float]] = {}
    for name, data in tqdm(_members(file), "import", unit="file", delay=1):
        try:
            content = read_plain_pickle(bz2.decompress(data))
            if name == "meta":
                names = list(content["meta_archs"])
            else:
                rows[int(name)] = _accuracies(content)
        except (ValueError, LookupError, TypeError, AttributeError, OSError, EOFError) as error:
            raise ValueError(f"{file} should be an archive of NATS-Bench; in {name}: {error!r}.") from error
    if not names or not any(rows.values()) or max(rows) >= len(names):
        raise ValueError(
            f"{file} should have the file meta.pickle.pbz2 and one with accuracies for each architecture"
            f" that it lists, such as 000000.pickle.pbz2; found {len(names)} names and {len(rows)} files."
        )
    return _frame(names, rows)


def _members(file: Path) -> Iterator[tuple[str, bytes]]:
    """Read the files one by one: the name without its ending, and what is in it."""
    if file.is_dir():
        for path in sorted(file.iterdir()):
            if match := _NAME.fullmatch(path.name):
                yield match[1], path.read_bytes()
        return
    if not tarfile.is_tarfile(file):
        raise ValueError(
            f"{file} should be a folder or a .tar of NATS-Bench; the single file .pickle.pbz2 is not read,"
            " take the one that ends in -simple.tar."
        )
    with tarfile.open(file) as archive:
        for member in archive:
            match = _NAME.fullmatch(member.name)
            content = archive.extractfile(member) if match else None
            if match and content:
                yield match[1], content.read()


def _accuracies(content: Mapping[str, Any]) -> dict[str, float]:
    """Average over seeds; the columns of the longest training keep their plain names."""
    longest = max(content, key=int)
    means: dict[str, float] = {}
    for epochs, results in content.items():
        found: dict[str, list[float]] = {}
        for (dataset, _), run in results["all_results"].items():
            for part in run["eval_names"]:
                column = _SETS.get((dataset, part))
                if column is not None:
                    percent = run["eval_acc1es"][f"{part}@{run['epochs'] - 1}"]
                    found.setdefault(column, []).append(percent / 100)
        ending = "" if epochs == longest else f"_{int(epochs)}ep"
        means |= {column + ending: sum(values) / len(values) for column, values in found.items()}
    return means


def _frame(names: list[str], rows: Mapping[int, Mapping[str, float]]) -> pd.DataFrame:
    numbers = sorted(rows)
    frame = pd.DataFrame([rows[number] for number in numbers])
    known = [name for name in _SETS.values() if name in frame.columns]
    ordered = [*known, *sorted(set(frame.columns) - set(known))]
    frame = frame[ordered]
    frame.insert(0, "architecture", [names[number] for number in numbers])
    return frame
