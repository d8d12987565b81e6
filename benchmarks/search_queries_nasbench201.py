"""NAS-Bench-201: how many trainings strategies need.

    python benchmarks/search_queries_nasbench201.py --features nasbench201 --targets nasbench201.csv.gz \\
        --proxy 'rank_sum(az_jacob,progressivity,synflow)' --out queries

Strategies are told the column `--signal`, by default that of HNAS and RoBoT, and the cell with the highest
signal so far is chosen. Shown of the chosen cell are the columns `--report`: the accuracy after the last
training, mean ± standard deviation over runs, and the trainings until it is at least the `--goal`, mean over
the runs that get there and, in brackets, how many do. Cells are those of the feature store, one of those that
compute the same; with `--share .5` a random half of them in each run, so that runs of a strategy that draws
nothing differ too. `--scores` is a table of training-free scores of the canonical cells (columns of
NAS-Bench-Suite-Zero, synflow as a logarithm), where RoBoT finds what the store lacks. Writes the courses as
`.json` and, as `.png`, the regret, also those of `--also`, which other runs have written.
"""

import argparse
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from parzc import plugins
from parzc.atomic import atomic_write
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.proxy import open_proxy
from parzc.search.bayesian import Bayesian
from parzc.searching.candidates import Candidates
from parzc.searching.readings import ProxyScores, read_from
from parzc.searching.report import plot_courses
from parzc.spaces.nasbench201 import NASBench201
from parzc.targets import read_targets

ALL = 15_625
AFTER = (1, 5, 10, 20)
SMALL = {"population": 10, "tournament": 5}
STRATEGIES: dict[str, dict[str, Any]] = {
    "random": {"name": "random"},
    "aging evolution": {"name": "aging_evolution", **SMALL},
    "REINFORCE": {"name": "reinforce"},
    "predictor-guided": {"name": "predictor_guided", "each": 5},
    "random, warm-up": {"name": "random", "warm_up": ALL},
    "aging evolution, warm-up": {"name": "aging_evolution", **SMALL, "warm_up": ALL},
    "aging evolution, move": {"name": "aging_evolution", **SMALL, "move": 24},
    "aging evolution, warm-up, move": {"name": "aging_evolution", **SMALL, "warm_up": ALL, "move": 24},
    "REINFORCE, warm-up": {"name": "reinforce", "warm_up": 3000},
    "predictor-guided, warm-up": {"name": "predictor_guided", "each": 5, "warm_up": True},
    "HNAS": {"name": "hnas"},
    "HNAS, grad_norm": {"name": "hnas", "metric": "grad_norm"},
    "RoBoT": {"name": "robot", "pool": ALL},
    "RoBoT, ranks": {"name": "robot", "pool": ALL, "normalise": "rank"},
    "ours": {"name": "bayesian", "pool": ALL},
    "ours, Thompson": {"name": "bayesian", "pool": ALL, "acquisition": "thompson"},
    "ours, UCB": {"name": "bayesian", "pool": ALL, "acquisition": "upper_confidence"},
}
OURS = inspect.signature(Bayesian).parameters
NAMES = {"jacov": "jacob_cov", "nwot": "naswot"}


class Encoded:
    """Tables encoded once for all runs."""

    def __init__(self, encoding: str, tables: Sequence[Table]) -> None:
        fitted = plugins.build("encodings", {"name": encoding, "features": None})
        fitted.fit(tables)
        self.rows = fitted(tables).flat()
        self.place = {id(table): row for row, table in enumerate(tables)}

    def fit(self, tables: Sequence[Table]) -> None:
        """Be fitted already, to all cells."""

    def __call__(self, tables: Sequence[Table]) -> "Flat":
        return Flat(self.rows[[self.place[id(table)] for table in tables]])


class Flat:
    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def flat(self) -> Tensor:
        return self.rows


class Benchmark:
    """All cells with their scores and accuracies."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.space = NASBench201()
        store = FeatureStore.open(arguments.features)
        self.read = read_from(store, self.space)
        self.cells = sorted({self.space.canonical(name) for name in store.architectures()})
        columns = (arguments.signal, *arguments.report)
        self.targets = {name: read_targets(arguments.targets, name, self.cells) for name in columns}
        self.scores = {} if arguments.scores is None else read_scores(arguments.scores, self.space)
        self.score = ProxyScores(open_proxy(arguments.proxy), self.read)
        self.score(self.cells)  # the whole space is the population of an aggregate
        self.opened: dict[str, ProxyScores] = {}
        tables = list(self.read(self.cells, OURS["statistics"].default).values())
        self.encodings = [Encoded(name, tables) for name in OURS["encodings"].default]

    def measure(self, names: Sequence[str]) -> Any:
        tabled = {*names} <= self.scores.keys()

        def scores(architectures: Sequence[Architecture]) -> np.ndarray:
            if tabled:
                return np.array([[self.scores[name][cell] for cell in architectures] for name in names])
            for name in {*names} - self.opened.keys():
                self.opened[name] = ProxyScores(open_proxy(name), self.read)
            return np.stack([self.opened[name](architectures) for name in names])

        return scores

    def candidates(self, share: float, seed: int) -> Candidates:
        among = Random(seed).sample(self.cells, round(share * len(self.cells))) if share < 1 else self.cells
        return Candidates(self.space, among=among, score=self.score, measure=self.measure, read=self.read)


def read_scores(path: str, space: NASBench201) -> dict[str, dict[Architecture, float]]:
    frame = pd.read_csv(path).rename(columns=NAMES)
    frame["synflow"] = np.exp(frame["synflow"])  # RoBoT takes it as it is
    cells = [space.architectures()[index] for index in frame.pop("index")]
    return {str(name): dict(zip(cells, values, strict=True)) for name, values in frame.items()}


def main() -> None:
    arguments = parse()
    benchmark = Benchmark(arguments)
    results: dict[str, dict[str, Any]] = {}
    for name in arguments.strategies or STRATEGIES:
        spec = dict(STRATEGIES[name])
        if spec["name"] == "bayesian":
            spec["encodings"] = benchmark.encodings
        try:
            runs = [run(spec, benchmark, arguments, seed) for seed in range(arguments.runs)]
        except LookupError as error:
            print(f"note: {name} is left out: {error}", file=sys.stderr)
            continue
        courses, regrets = np.array([course for course, _ in runs]), np.array([rest for _, rest in runs])
        print(line(name, courses, regrets, arguments.goal), flush=True)
        results[f"{name}{arguments.label}"] = {"courses": courses.tolist(), "regrets": regrets.tolist()}
        write(results, arguments)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", required=True, help="feature store, or the name of a shipped one")
    parser.add_argument("--targets", required=True, help="CSV of accuracies")
    parser.add_argument("--signal", default="cifar10_valid_12ep")
    parser.add_argument("--report", nargs="+", default=["cifar10_test", "cifar100_test"])
    parser.add_argument("--goal", nargs="+", type=float, default=[94.36, 73.51], help="in percent")
    parser.add_argument("--scores", help="CSV of training-free scores: index, grad_norm, snip, …")
    parser.add_argument("--proxy", default="synflow", help="of warm-up, moves and ours")
    parser.add_argument("--share", type=float, default=1.0, help="of the cells, that a run draws")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES)
    parser.add_argument("--budget", type=int, default=20)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--label", default="", help="what to append to names in the figure")
    parser.add_argument("--also", nargs="+", default=[], help="further .json files to draw")
    parser.add_argument("--out", required=True, help="where to write, without suffix")
    return parser.parse_args()


def run(
    spec: Mapping[str, Any], benchmark: Benchmark, arguments: argparse.Namespace, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Search once.

    Returns:
        What the chosen cell has after each training, one row a reported column, in percent, and how much
        that is less than the most, in the first of them.
    """
    candidates = benchmark.candidates(arguments.share, seed)
    strategy = plugins.build("search", spec, candidates=candidates, seed=seed)
    signal, columns = benchmark.targets[arguments.signal], arguments.report
    first = benchmark.targets[columns[0]]
    best = 100 * max(accuracy for cell, accuracy in first.items() if candidates.allows(cell))
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
        course.append([100 * benchmark.targets[column][chosen] for column in columns])
    accuracies = np.array(course).T
    return accuracies, best - accuracies[0]


def line(name: str, runs: np.ndarray, regrets: np.ndarray, goals: Sequence[float]) -> str:
    after = [after for after in AFTER if after <= regrets.shape[1]]
    cells = [name, *(f"{regrets[:, after - 1].mean():.2f}" for after in after)]
    for row, goal in enumerate(goals):
        final = runs[:, row, -1]
        reached = runs[:, row] >= goal - 0.005
        first = reached.argmax(axis=1)[reached.any(axis=1)] + 1
        mean = f"{first.mean():.1f}" if len(first) else "-"
        cells += [f"{final.mean():.2f} ± {final.std():.2f}", f"{mean} ({len(first)}/{len(runs)})"]
    return f"| {' | '.join(cells)} |"


def write(results: Mapping[str, Mapping[str, Any]], arguments: argparse.Namespace) -> None:
    shown = dict(results)
    for other in arguments.also:
        shown |= json.loads(Path(other).read_text())
    plot_courses(
        Path(f"{arguments.out}.png"),
        {name: np.array(found["regrets"]) for name, found in shown.items()},
        title=f"NAS-Bench-201, told {arguments.signal}",
        quantity=f"regret in {arguments.report[0]}, points",
        logarithmic=True,
    )
    with atomic_write(f"{arguments.out}.json") as part:
        part.write_text(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
