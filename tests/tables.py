"""Made-up tables whose targets follow from their statistics."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, NodeInfo, Table
from parzc.spaces.nasbench201 import NASBench201

STATISTICS = ("snip", "synflow", "fisher")
SPACE = NASBench201()
CELLS = list(dict.fromkeys(SPACE.canonical(cell) for cell in SPACE.sample(60, 0)))[:40]


def table(seed: int, nodes: int | None = None, prefix: str = "cells") -> Table:
    """Make a chain of convolutions and poolings, some of them dead, that ends in a linear layer."""
    random = np.random.default_rng(seed)
    count = nodes or int(random.integers(4, 9))
    kinds = [str(kind) for kind in random.choice(["conv", "pool"], count - 1)] + ["linear"]
    infos = tuple(
        NodeInfo(
            name=f"{prefix}.{index}" + (".op" if kind == "conv" else ""),
            kind=kind,
            alive=bool(random.random() > 0.2) or index == count - 1,
            weights=0 if kind == "pool" else int(random.choice([16, 144])),
            flops=int(random.integers(100, 1000)),
            kernel=9,
            spatial=64,
            in_channels=4,
            out_channels=4,
            depth=index,
        )
        for index, kind in enumerate(kinds)
    )
    values = np.exp(random.normal(0, [1, 10, 0.1], (count, len(STATISTICS))))
    values[[info.kind == "pool" for info in infos], 2] = np.nan
    return Table(infos, STATISTICS, values, {"parameters": 100.0, "loss": 2.3})


def tables(count: int, prefix: str = "cells", start: int = 0) -> dict[Architecture, Table]:
    return {
        Architecture(f"{prefix}-{seed}"): table(seed, prefix=prefix) for seed in range(start, start + count)
    }


def accuracy(of: Table) -> float:
    """Grow with the mean logarithm of snip over the live nodes: what a predictor can learn."""
    return float(1 / (1 + np.exp(-np.log(of.column("snip"))[of.alive].mean())))


def change_dead(of: Table) -> Table:
    """Give other values to what must not matter."""
    values = np.where(of.alive[:, None], of.values, 1e30)
    nodes = tuple(node if node.alive else replace(node, weights=10**6) for node in of.nodes)
    return Table(nodes, of.statistics, values, of.network)


def write_store(folder: Path, content: dict[Architecture, Table]) -> tuple[str, str]:
    """Write a feature store and a file of targets."""
    settings = {"space": {"name": "none"}, "statistics": list(STATISTICS), "batch": {"size": 4}, "seed": 0}
    FeatureStore.create(folder / "features", settings).add(content.items())
    rows = [(name, accuracy(each)) for name, each in content.items()]
    pd.DataFrame(rows, columns=["architecture", "accuracy"]).to_csv(folder / "targets.csv", index=False)
    return str(folder / "features"), str(folder / "targets.csv")


def as_list(content: dict[Architecture, Table]) -> Sequence[Table]:
    return list(content.values())


def write_cells(folder: Path) -> dict[str, str]:
    """Write a store of canonical cells, targets of these and of all that compute the same, and columns."""
    stored = dict(zip(CELLS, as_list(tables(len(CELLS))), strict=True))
    settings = {"space": {"name": "nasbench201"}, "statistics": list(STATISTICS)}
    FeatureStore.create(folder / "features", settings).add(stored.items())
    notations = {cell: SPACE.canonical(cell) for cell in SPACE.architectures()}
    rows = [(cell, accuracy(stored[own])) for cell, own in notations.items() if own in stored]
    frame = pd.DataFrame(rows, columns=["architecture", "valid"])
    frame["test"] = frame["valid"] + np.random.default_rng(0).normal(0, 0.001, len(frame))
    frame.to_csv(folder / "targets.csv", index=False)
    own = pd.DataFrame({"architecture": CELLS, "rank": range(len(CELLS))})
    own.to_csv(folder / "columns.csv", index=False)
    names = {"features": "features", "targets": "targets.csv", "columns": "columns.csv"}
    return {key: str(folder / name) for key, name in names.items()} | {"target": "valid", "test": "test"}
