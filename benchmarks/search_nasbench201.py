"""NAS-Bench-201: search as Abdelfattah et al. simulate it, beside the accuracies they should reach.

    python benchmarks/search_nasbench201.py --targets nasbench201.csv.gz --features nasbench201

The proxy is SynFlow, from a feature store or, with `--proxies`, the column `synflow` of a table of scores;
either has the canonical cells, and any other cell takes that of its canonical form. A training is a look into
the column `--target`, which is both what a strategy is told and what is reported (an oracle: the published
curves are of test accuracy). Cells are drawn with replacement and every training counts, as published.
Printed: the best accuracy after so many trainings, mean over runs, and how far that is from an independent
simulation of 100 runs.

Five cells that differ only in the edge from input to output have nearly the same SynFlow, one of them the
best cell of all; `--first` puts it above the others, as another draw of weights may.
"""

import argparse
from collections.abc import Iterator, Mapping
from random import Random

import numpy as np
import pandas as pd

from parzc import plugins
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture
from parzc.proxy import open_proxy
from parzc.searching.candidates import Candidates
from parzc.searching.readings import ProxyScores, read_from
from parzc.spaces.nasbench201 import NASBench201
from parzc.targets import read_targets

AFTER = (10, 25, 50, 64, 100, 150, 200, 300)
PLAIN = (69.84, 70.60, 71.22, 71.40)
WARM = {  # before evolution has its first parent, it is random search
    1000: (72.51, 72.74, 72.87, 72.89),
    3000: (72.73, 72.92, 73.11, 73.13),
    15625: (73.21, 73.35, 73.37, 73.37),
}
EXPECTED = {  # name: strategy, options, accuracies on CIFAR-100
    "RAND": ("random", {}, (*PLAIN, 71.59, 71.75, 71.98, 72.20)),
    "RAND+W1000": ("random", {"warm_up": 1000}, (*WARM[1000], 72.92, 72.93, 72.93, 72.93)),
    "RAND+W3000": ("random", {"warm_up": 3000}, (*WARM[3000], 73.15, 73.17, 73.19, 73.19)),
    "RAND+W15625": ("random", {"warm_up": 15625}, (*WARM[15625], 73.37, 73.39, 73.40, 73.40)),
    "AE": ("aging_evolution", {}, (*PLAIN, 72.46, 73.14, 73.34, 73.47)),
    "AE+W1000": ("aging_evolution", {"warm_up": 1000}, (*WARM[1000], 73.21, 73.36, 73.44, 73.49)),
    "AE+W3000": ("aging_evolution", {"warm_up": 3000}, (*WARM[3000], 73.27, 73.39, 73.47, 73.51)),
    "AE+W15625": ("aging_evolution", {"warm_up": 15625}, (*WARM[15625], 73.45, 73.48, 73.50, 73.51)),
    "AE+move": ("aging_evolution", {"move": 24}, (*PLAIN, 73.48, 73.50, 73.51, 73.51)),
    "AE+W3000+move": (
        "aging_evolution",
        {"warm_up": 3000, "move": 24},
        (*WARM[3000], 73.51, 73.51, 73.51, 73.51),
    ),
}


class DrawnAnew(Candidates):
    """Cells drawn with replacement."""

    def draw(self, seed: int) -> Iterator[Architecture]:
        generator, cells = Random(seed), self.space.architectures()
        while True:
            yield generator.choice(cells)


def main() -> None:
    arguments = parse()
    space = NASBench201()
    cells = space.architectures()
    accuracies = read_targets(arguments.targets, arguments.target, cells)
    scores = read_features(arguments.features) if arguments.features else read_scores(arguments.proxies)
    if arguments.first:
        scores[space.canonical(max(accuracies, key=lambda cell: accuracies[cell]))] = np.inf
    candidates = DrawnAnew(
        space, score=lambda names: np.array([scores[space.canonical(name)] for name in names])
    )
    print(f"| strategy | {' | '.join(f'@{after}' for after in AFTER)} | largest difference @50, @100, @300 |")
    print("|---" * (len(AFTER) + 2) + "|")
    for name, (strategy, options, expected) in EXPECTED.items():
        spec = {"name": strategy, **options}
        courses = [run(spec, candidates, accuracies, seed) for seed in range(arguments.runs)]
        means = 100 * np.mean(courses, axis=0)
        gaps = dict(zip(AFTER, means - expected, strict=True))
        largest = max((gaps[after] for after in (50, 100, 300)), key=abs)
        print(f"| {name} | {' | '.join(f'{mean:.2f}' for mean in means)} | {largest:+.2f} |", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--targets", required=True, help="CSV of accuracies, index and arch_str")
    parser.add_argument("--target", default="cifar100_test")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--features", help="feature store, or the name of a shipped one")
    source.add_argument("--proxies", help="CSV of index and synflow, canonical cells")
    parser.add_argument("--first", action="store_true", help="give the best cell the highest score")
    parser.add_argument("--runs", type=int, default=100)
    return parser.parse_args()


def read_features(name: str) -> dict[Architecture, float]:
    store, space = FeatureStore.open(name), NASBench201()
    cells = [space.canonical(cell) for cell in store.architectures()]
    scores = ProxyScores(open_proxy("synflow"), read_from(store, space))(cells)
    return dict(zip(cells, scores.tolist(), strict=True))


def read_scores(path: str) -> dict[Architecture, float]:
    frame, cells = pd.read_csv(path), NASBench201().architectures()
    return {cells[index]: float(score) for index, score in zip(frame["index"], frame["synflow"], strict=True)}


def run(
    spec: Mapping[str, object], candidates: Candidates, accuracies: Mapping[Architecture, float], seed: int
) -> list[float]:
    strategy = plugins.build("search", spec, candidates=candidates, seed=seed)
    best, course = 0.0, []
    for _ in range(max(AFTER)):
        architecture = strategy.ask()
        strategy.tell(architecture, accuracies[architecture])
        best = max(best, accuracies[architecture])
        course.append(best)
    return [course[after - 1] for after in AFTER]


if __name__ == "__main__":
    main()
