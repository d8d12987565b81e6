"""`make demo`: the main job from end to end, on the benchmark that parzc ships.

Reads the nodes of all shipped architectures, learns a proxy from the accuracies of some `digits_cell`
networks, and compares its ranking of the others with that of training-free proxies; then carries it to the
vision transformers of `digits_vit`, without targets and with a few.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from parzc.commands.evaluate import evaluate
from parzc.commands.export import export
from parzc.commands.extract import extract
from parzc.commands.train import train
from parzc.commands.transfer import transfer
from parzc.evaluation.correlation import kendall_tau
from parzc.probing.store import FeatureStore
from parzc.proxy import open_proxy
from parzc.shipped import shipped

__all__ = ["demo"]

TRAINING_FREE = ("params", "snip", "synflow")
TARGET, REPORT = "accuracy", "test_accuracy"


def demo(
    out: str = "demo",
    *,
    cells: int = 300,
    vits: int = 150,
    budget: int = 100,
    few: int = 20,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
) -> pd.DataFrame:
    """Train, export, evaluate and transfer a proxy on the shipped benchmark.

    Training sees the column `accuracy` (validation images) of the architectures in its budget; the
    Kendall tau reported is with `test_accuracy` of the others.

    Args:
        out: The folder to write.
        cells: Architectures of `digits_cell` to use.
        vits: Architectures of `digits_vit` to use.
        budget: Targets to learn from.
        few: Targets to transfer with.
        seeds: Each draws its own budgets.

    Returns:
        Mean and standard deviation of tau over the seeds, one row a proxy.
    """
    folder = Path(out)
    for space, count in (("digits_cell", cells), ("digits_vit", vits)):
        _say(f"1 · read the nodes of {count} {space} networks")
        extract(space=space, architectures=count, out=str(folder / "features" / space))
    rows = [_one_seed(folder, seed, budget, few) for seed in seeds]
    frame = pd.concat(rows).groupby("proxy", sort=False).agg(["mean", "std"])
    _say("result: Kendall tau on architectures that no training saw")
    print(_table(frame, budget, few, len(seeds)))
    first = folder / f"seed{seeds[0]}"
    print(f"\nScatter plots: {first / 'digits_cell.png'} and {first / 'digits_vit.png'}")
    return frame


def _one_seed(folder: Path, seed: int, budget: int, few: int) -> pd.DataFrame:
    run = folder / f"seed{seed}"
    cells, vits = (str(folder / "features" / space) for space in ("digits_cell", "digits_vit"))
    cell_targets, vit_targets = (str(shipped(f"data/{s}.csv")) for s in ("digits_cell", "digits_vit"))
    names = ("cell", "across", "vit_0", f"vit_{few}")
    within, across, unlabelled, adapted = (str(run / f"{name}.parzc") for name in names)
    _say(f"2 · seed {seed}: learn from {budget} accuracies, export, transfer with 0 and with {few}")
    for encoding, proxy in (("aligned", within), ("resampled", across)):
        training = str(run / encoding)
        train(
            features=cells,
            targets=cell_targets,
            target=TARGET,
            budget=budget,
            seed=seed,
            encoding=encoding,
            out=training,
        )
        export(checkpoint=training, out=proxy)
    transfer(proxy=across, features=vits, out=unlabelled)
    transfer(
        proxy=across, features=vits, targets=vit_targets, target=TARGET, budget=few, seed=seed, out=adapted
    )
    plots = {"digits_cell": (within, cells, cell_targets), "digits_vit": (adapted, vits, vit_targets)}
    for name, (proxy, features, targets) in plots.items():
        evaluate(
            proxy=proxy, features=features, targets=targets, target=REPORT, out=str(run / f"{name}.json")
        )
    columns = {
        "digits_cell": _taus(within, cells, cell_targets),
        "digits_vit, 0": _taus(unlabelled, vits, vit_targets),
        f"digits_vit, {few}": _taus(adapted, vits, vit_targets),
    }
    return pd.DataFrame(columns).rename_axis("proxy")


def _taus(learned: str, features: str, targets: str) -> dict[str, float]:
    """Compare all proxies on the architectures that the learned one was not trained on."""
    seen = set(open_proxy(learned).metadata["training"])
    tables = FeatureStore.open(features).tables()
    known = pd.read_csv(targets).set_index("architecture")[REPORT]
    names = [name for name in tables if name in known.index and name not in seen]
    proxies = {"learned": learned} | {name: name for name in TRAINING_FREE}
    accuracies = known[list(names)].to_numpy()
    return {
        label: kendall_tau(open_proxy(proxy).predict([tables[name] for name in names])[0], accuracies)
        for label, proxy in proxies.items()
    }


def _table(frame: pd.DataFrame, budget: int, few: int, seeds: int) -> str:
    columns = list(dict.fromkeys(frame.columns.get_level_values(0)))
    heads = [f"digits_cell, {budget} targets", "digits_vit, 0 targets", f"digits_vit, {few} targets"]
    lines = [_line("", heads)]
    for proxy in frame.index:
        cells = [f"{frame.loc[proxy, (c, 'mean')]:.3f} ± {frame.loc[proxy, (c, 'std')]:.3f}" for c in columns]
        lines.append(_line(str(proxy), cells))
    return "\n".join([*lines, f"mean ± sd over {seeds} seeds, each with its own training architectures"])


def _line(label: str, cells: Iterable[str]) -> str:
    return f"{label:<10}" + "".join(f"{cell:>26}" for cell in cells)


def _say(text: str) -> None:
    print(f"\n{text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    demo()
