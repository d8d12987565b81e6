"""NDS: cells of the families DARTS, ENAS, PNAS, NASNet and Amoeba, trained in many sizes."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from parzc.genotypes import Cell, Genotype, write_genotype

__all__ = ["import_nds"]


def import_nds(file: Path, *, width: int | None = None, depth: int | None = None) -> pd.DataFrame:
    """A JSON file of NDS, for the space `darts` with the family's operations.

    `DARTS.json`, `ENAS.json`, `PNAS.json`, `NASNet.json` and `Amoeba.json` have networks of many widths and
    depths, those that end in `_fix-w-d` of one, those that end in `_in` were trained on ImageNet. A file
    is a list (`_in`: the lists `top` and `mid`) of networks: `net` has `genotype`, `width` and `depth`,
    `test_ep_top1` the error in percent after each epoch.

    Args:
        file: The file.
        width: Take the networks of this width only.
        depth: Take the networks of this depth only.

    Returns:
        Genotypes, and `test`: accuracies at the end of training as fractions, means where a genotype
        was trained more than once. There is no validation part: `test` is CIFAR-10's, with `_in`
        ImageNet's.

    Raises:
        ValueError: If the file has another layout, or networks of several sizes are left: then
            an architecture would not be the genotype alone.

    Source:
        Radosavovic et al., ICCV 2019. In https://dl.fbaipublicfiles.com/nds/data.zip of
        github.com/facebookresearch/nds (code under MIT, data without a licence of their own).
    """
    entries = _read(file)
    try:
        nets = [(entry["net"], 1 - entry["test_ep_top1"][-1] / 100) for entry in entries]
        sizes = Counter((net["width"], net["depth"]) for net, _ in nets)
        chosen = [size for size in sizes if width in (None, size[0]) and depth in (None, size[1])]
        rows = [
            (_architecture(net["genotype"]), accuracy)
            for net, accuracy in nets
            if (net["width"], net["depth"]) in chosen
        ]
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file} should list networks with net.genotype, net.width, net.depth and test_ep_top1, as those"
            f" of the cell families do: {error!r}."
        ) from error
    if len(chosen) != 1:
        known = ", ".join(f"{w}x{d} ({count})" for (w, d), count in sizes.most_common(6))
        raise ValueError(
            f"{file} should be narrowed down to one size with width and depth, found {len(chosen)} sizes;"
            f" the file has {known}{' and others' if len(sizes) > 6 else ''}."
        )
    frame = pd.DataFrame(rows, columns=["architecture", "test"])
    return frame.groupby("architecture", sort=False, as_index=False).mean()


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} should be JSON: {error}.") from error
    if isinstance(content, dict):
        content = [*content.get("top", []), *content.get("mid", [])]
    if not isinstance(content, list) or not content:
        raise ValueError(f"{file} should be a list of networks, found none.")
    return content


def _architecture(genotype: dict[str, Any]) -> str:
    normal, reduce = (
        Cell(
            tuple((str(operation), int(state)) for operation, state in genotype[kind]),
            tuple(genotype[f"{kind}_concat"]),
        )
        for kind in ("normal", "reduce")
    )
    return write_genotype(Genotype(normal, reduce))
