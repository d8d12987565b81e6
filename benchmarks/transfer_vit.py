"""ViT-Bench-101: proxies carried over from other spaces against what the architecture itself says.

    python benchmarks/transfer_vit.py --proxy transferred=prior.parzc --proxy scratch=scratch.parzc \\
        --features features/pit --targets pit.csv --target c100_kd flower_kd --splits 30 --out pit.json

For each target and 0, 5, 10, 20, 50 labels: Kendall's tau-b on the architectures whose labels were not given,
mean ± standard deviation over random splits (`RandomState(seed).permutation`). Proxies have to be Gaussian
processes made by `parzc train experiment=transfer_to_vit`; one trained with `epochs=1 learning_rate=1e-12
predictor.mean=zero` has learned nothing. Against them: every training-free proxy that the features can give
(the one best on the labels given, and the one best on all of them, which nobody can know), #params and depth,
and a random forest of 200 trees and a Gaussian process on the numbers in the notation and #params.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from parzc import plugins
from parzc.aggregate import open_named
from parzc.atomic import atomic_write
from parzc.evaluation.correlation import kendall_tau
from parzc.probing.store import FeatureStore
from parzc.probing.table import NODE_SIZES, Table
from parzc.proxy import load_proxy
from parzc.targets import read_targets
from parzc.training_free import TrainingFreeProxy

BUDGETS = (0, 5, 10, 20, 50)
Scores = np.ndarray
Learner = Callable[[np.ndarray, np.ndarray, np.ndarray], Scores]
"""From the rows of known architectures, their targets and the rows of the others to scores."""


def of_proxy(path: str, pool: list[Table], tables: list[Table]) -> Learner:
    """Condition a proxy that was adapted to the pool."""
    proxy = load_proxy(path)
    proxy.encoding.adapt(pool)
    encoded = proxy.encoding(tables)

    def learn(known: np.ndarray, targets: np.ndarray, rest: np.ndarray) -> Scores:
        fresh = load_proxy(path).predictor
        if len(known):
            fresh.condition(encoded[torch.from_numpy(known)], torch.from_numpy(targets).float())
        with torch.no_grad():
            return fresh(encoded[torch.from_numpy(rest)])[0].numpy()

    return learn


def scalars(names: list[str], params: np.ndarray) -> np.ndarray:
    """Read the numbers in a notation: lists of three as they are, longer ones by mean and sum."""
    rows = []
    for name, count in zip(names, params, strict=True):
        row = [count]
        for value in json.loads(name).values():
            numbers = value if isinstance(value, list) else [value]
            row += [np.mean(numbers), np.sum(numbers)] if len(numbers) > 3 else [*numbers, sum(numbers)]
        rows.append(row)
    matrix = np.array(rows, dtype=float)
    return (matrix - matrix.mean(0)) / np.where(matrix.std(0) > 0, matrix.std(0), 1)


def of_scalars(x: np.ndarray, make: Callable[[], Any]) -> Learner:
    """Fit a regression to the scalars; without labels there is nothing to fit."""

    def learn(known: np.ndarray, targets: np.ndarray, rest: np.ndarray) -> Scores:
        if not len(known):
            return np.zeros(len(rest))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make().fit(x[known], targets).predict(x[rest])

    return learn


def training_free(tables: list[Table]) -> dict[str, np.ndarray]:
    """Score by every training-free proxy that the tables have the statistics for."""
    known = {*tables[0].statistics, *tables[0].network, *NODE_SIZES}
    opened = {name: open_named(name) for name in plugins.available("proxies")}
    usable = {
        name: proxy
        for name, proxy in opened.items()
        if isinstance(proxy, TrainingFreeProxy) and set(proxy.reads) <= known
    }
    found = {name: proxy.predict(tables)[0] for name, proxy in usable.items()}
    return {name: np.nan_to_num(scores, nan=-np.inf) for name, scores in found.items()}


def tau(scores: np.ndarray, targets: np.ndarray) -> float:
    """Compare orders; 0 where all scores are equal."""
    return kendall_tau(scores, targets) if len(set(scores.tolist())) > 1 else 0.0


def best_known(scores: dict[str, np.ndarray]) -> Learner:
    """Take the training-free proxy that ranks the known architectures best; #params without any."""

    def learn(known: np.ndarray, targets: np.ndarray, rest: np.ndarray) -> Scores:
        order = sorted(scores, key=lambda name: tau(scores[name][known], targets) if len(known) else 0.0)
        return scores[order[-1] if len(known) else "params"][rest]

    return learn


def as_it_is(scores: np.ndarray) -> Learner:
    """Learn nothing."""
    return lambda known, targets, rest: scores[rest]


def rivals(names: list[str], tables: list[Table], targets: np.ndarray) -> dict[str, Learner]:
    """Everything that proxies from elsewhere are compared with."""
    free = training_free(tables)
    x = scalars(names, free["params"])
    oracle = max(free, key=lambda name: tau(free[name], targets))
    kernel = ConstantKernel() * RBF(3.0) + WhiteKernel(0.3)
    return {
        "params": as_it_is(free["params"]),
        "depth": as_it_is(free["live_layers"]),
        "best proxy by the labels": best_known(free),
        f"best proxy of all: {oracle}": as_it_is(free[oracle]),
        "random forest": of_scalars(x, lambda: RandomForestRegressor(200, random_state=0)),
        "Gaussian process": of_scalars(x, lambda: GaussianProcessRegressor(kernel, normalize_y=True)),
    }


def measure(learn: Learner, targets: np.ndarray, splits: int) -> dict[str, list[float]]:
    """Give mean and standard deviation of tau by the number of labels."""
    cells = {}
    for budget in BUDGETS:
        taus = []
        for seed in range(splits if budget else 1):
            order = np.random.RandomState(seed).permutation(len(targets))
            known, rest = order[:budget], order[budget:]
            taus.append(tau(learn(known, targets[known], rest), targets[rest]))
        cells[str(budget)] = [float(np.mean(taus)), float(np.std(taus))]
    return cells


def main() -> None:
    """Print one line a competitor and target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--proxy", action="append", default=[], help="name=FILE.parzc")
    parser.add_argument("--features", required=True, help="feature store of the space, unlabelled ones too")
    parser.add_argument("--targets", required=True)
    parser.add_argument("--target", nargs="+", required=True, help="columns")
    parser.add_argument("--splits", type=int, default=30)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    store = FeatureStore.open(arguments.features).tables()
    results: dict[str, Any] = {}
    for target in arguments.target:
        accuracies = read_targets(arguments.targets, target, store)
        tables, y = [store[name] for name in accuracies], np.array(list(accuracies.values()))
        given = dict(text.split("=", 1) for text in arguments.proxy)
        learners = {name: of_proxy(file, list(store.values()), tables) for name, file in given.items()}
        for name, learn in (learners | rivals(list(accuracies), tables, y)).items():
            cells = measure(learn, y, arguments.splits)
            results.setdefault(target, {})[name] = cells
            row = "  ".join(f"{mean:.3f} ± {sd:.3f}" for mean, sd in cells.values())
            print(f"{target:12} {name:34} {row}", flush=True)
    with atomic_write(arguments.out) as part:
        part.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
