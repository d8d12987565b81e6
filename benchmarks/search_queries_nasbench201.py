"""NAS-Bench-201: how many trainings strategies need, with the cheap signal that HNAS and RoBoT search with.

    python benchmarks/search_queries_nasbench201.py --features features/nb201 --targets nasbench201.csv.gz \\
        --proxy synflow --runs 50 --out queries

Strategies are told the column `--signal`, and the cell with the highest signal so far is chosen. Shown of the
chosen cell are the columns `--report`: the accuracy after the last training, mean ± standard deviation over
runs, and the trainings until it is at least the `--goal`, mean over the runs that get there and, in brackets,
how many do. Cells are those of the feature store, one of those that compute the same. Writes `queries.json`
and `queries.png`, the regret in the first reported column.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from parzc import plugins
from parzc.aggregate import AggregateProxy, open_named
from parzc.aggregations.rank_sum import rank_sum
from parzc.atomic import atomic_write
from parzc.encodings.aligned import Aligned
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.proxy import open_proxy
from parzc.searching.candidates import Candidates
from parzc.searching.readings import ProxyScores, read_from
from parzc.searching.report import plot_courses
from parzc.spaces.nasbench201 import NASBench201
from parzc.targets import read_targets

ALL = 15_625
SMALL = {"population": 10, "tournament": 5}
STRATEGIES: dict[str, dict[str, Any]] = {
    "random": {"name": "random"},
    "aging evolution": {"name": "aging_evolution", **SMALL},
    "REINFORCE": {"name": "reinforce"},
    "random, warm-up": {"name": "random", "warm_up": ALL},
    "aging evolution, warm-up": {
        "name": "aging_evolution",
        "population": 10,
        "tournament": 5,
        "warm_up": ALL,
    },
    "aging evolution, move": {"name": "aging_evolution", **SMALL, "move": 24},
    "HNAS": {"name": "hnas"},
    "HNAS, grad_norm": {"name": "hnas", "metric": "grad_norm"},
    "RoBoT": {"name": "robot", "pool": ALL},
    "ours": {"name": "bayesian", "pool": ALL},
    "ours, Thompson": {"name": "bayesian", "pool": ALL, "acquisition": "thompson"},
    "ours, UCB": {"name": "bayesian", "pool": ALL, "acquisition": "upper_confidence"},
}


class Encoded:
    """Tables encoded once for all runs."""

    def __init__(self, tables: Sequence[Table]) -> None:
        encoding = Aligned()
        encoding.fit(tables)
        self.rows = dict(zip(map(id, tables), encoding(tables).flat(), strict=True))

    def fit(self, tables: Sequence[Table]) -> None:
        """Be fitted already, to the same tables."""

    def __call__(self, tables: Sequence[Table]) -> "Flat":
        return Flat(torch.stack([self.rows[id(table)] for table in tables]))


class Flat:
    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def flat(self) -> Tensor:
        return self.rows


def main() -> None:
    arguments = parse()
    space, store = NASBench201(), FeatureStore.open(arguments.features)
    read = read_from(store, space)
    cells = sorted({space.canonical(name) for name in store.architectures()})
    targets = {
        column: read_targets(arguments.targets, column, cells)
        for column in (arguments.signal, *arguments.report)
    }
    opened: dict[tuple[str, ...], ProxyScores] = {}

    def measure(names: Sequence[str]) -> Any:
        key = tuple(names)
        if key not in opened:
            opened[key] = ProxyScores(AggregateProxy(rank_sum, [open_named(name) for name in names]), read)
        return opened[key].measure

    scores = ProxyScores(open_proxy(arguments.proxy), read)
    scores(cells)  # the whole space is the population of an aggregate
    candidates = Candidates(space, among=cells, score=scores, measure=measure, read=read)
    encoded = Encoded(list(read(cells, ()).values()))
    results: dict[str, np.ndarray] = {}
    for name in arguments.strategies or STRATEGIES:
        spec = STRATEGIES[name] | ({"encoding": encoded} if STRATEGIES[name]["name"] == "bayesian" else {})
        try:
            runs = [run(spec, candidates, targets, arguments, seed) for seed in range(arguments.runs)]
        except LookupError as error:
            print(f"note: {name} is left out: {error}", file=sys.stderr)
            continue
        results[name] = np.array(runs)
        print(line(name, results[name], arguments.goal), flush=True)
    write(results, targets[arguments.report[0]], arguments)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", required=True, help="feature store")
    parser.add_argument("--targets", required=True, help="CSV of accuracies")
    parser.add_argument("--signal", default="cifar10_valid_12ep")
    parser.add_argument("--report", nargs="+", default=["cifar10_test", "cifar100_test"])
    parser.add_argument("--goal", nargs="+", type=float, default=[94.36, 73.51], help="in percent")
    parser.add_argument("--proxy", default="synflow", help="of warm-up, moves and ours")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES)
    parser.add_argument("--budget", type=int, default=20)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--out", required=True, help="where to write, without suffix")
    return parser.parse_args()


def run(
    spec: Mapping[str, Any],
    candidates: Candidates,
    targets: Mapping[str, Mapping[Architecture, float]],
    arguments: argparse.Namespace,
    seed: int,
) -> list[list[float]]:
    """Search once; what the chosen cell has after each training, one row a reported column."""
    strategy = plugins.build("search", spec, candidates=candidates, seed=seed)
    signal = targets[arguments.signal]
    chosen: Architecture | None = None
    trained: set[Architecture] = set()
    course = []
    while len(trained) < arguments.budget:
        architecture = strategy.ask()
        strategy.tell(architecture, signal[architecture])
        if architecture in trained:  # asked for again: costs no training
            continue
        trained.add(architecture)
        chosen = architecture if chosen is None or signal[architecture] > signal[chosen] else chosen
        course.append([100 * targets[column][chosen] for column in arguments.report])
    return np.array(course).T.tolist()


def line(name: str, runs: np.ndarray, goals: Sequence[float]) -> str:
    cells = [name]
    for row, goal in enumerate(goals):
        final = runs[:, row, -1]
        reached = runs[:, row] >= goal - 0.005
        first = reached.argmax(axis=1)[reached.any(axis=1)] + 1
        mean = f"{first.mean():.1f}" if len(first) else "-"
        cells += [f"{final.mean():.2f} ± {final.std():.2f}", f"{mean} ({len(first)}/{len(runs)})"]
    return f"| {' | '.join(cells)} |"


def write(
    results: Mapping[str, np.ndarray], accuracies: Mapping[Architecture, float], arguments: argparse.Namespace
) -> None:
    best = 100 * max(accuracies.values())
    regrets = {name: best - runs[:, 0] for name, runs in results.items()}
    column = arguments.report[0]
    plot_courses(
        Path(f"{arguments.out}.png"),
        regrets,
        title=f"NAS-Bench-201, told {arguments.signal}, {arguments.runs} runs",
        quantity=f"regret in {column}, points",
        logarithmic=True,
    )
    with atomic_write(f"{arguments.out}.json") as part:
        part.write_text(json.dumps({name: runs.tolist() for name, runs in results.items()}) + "\n")


if __name__ == "__main__":
    main()
