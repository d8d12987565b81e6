"""NAS-Bench-201: Kendall tau on cells not trained on, by budget and predictor.

Trains on one column of accuracies and tests on another, over several seeds:

    python benchmarks/nasbench201.py --features features/nb201 --targets nasbench201.csv.gz --out nb201.json

The second table leaves out test cells that compute the same function as a cell trained on, under another
notation: a stricter test, and a harder one, since what is left out is mostly cells that are easy to rank.

Finished runs are kept in `--out`; started again, it goes on. A row that needs no training is the same test on
the sum of a statistic over the nodes. `extra_trees` sees such sums only, of all statistics and sizes over the
live nodes; `extra_trees_aligned` sees what the predictors see.
"""

import argparse
import inspect
import json
import multiprocessing
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau
from sklearn.ensemble import ExtraTreesRegressor
from tqdm import tqdm

from parzc import plugins
from parzc.atomic import atomic_write
from parzc.commands.train import train
from parzc.encodings.aligned import Aligned
from parzc.learning.data import Split, Task, split_architectures
from parzc.learning.training import Recipe, predict_mean, train_predictor
from parzc.probing.store import FeatureStore
from parzc.spaces.nasbench201 import NASBench201
from parzc.targets import read_targets

SUMS = {"params": "weights", "flops": "flops", "snip": "snip", "synflow": "synflow", "grad_norm": "grad_norm"}


def main() -> None:
    arguments = parse()
    wanted = {
        f"{predictor}/{budget}/{seed}": (predictor, budget, seed)
        for seed in arguments.seeds
        for budget in arguments.budgets
        for predictor in arguments.predictors
    }
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    missing = [key for key in wanted if key not in results]
    options = json.loads(arguments.options)
    source = (arguments.features, arguments.targets, arguments.train, arguments.test)
    load(*source)  # before the processes part, so that they share it
    with multiprocessing.get_context("fork").Pool(arguments.jobs) as pool:
        done = pool.imap_unordered(partial(tau_of_run, source, options), missing)
        for key, taus in tqdm(done, total=len(missing)):
            results[key] = taus
            with atomic_write(arguments.out) as part:
                part.write_text(json.dumps(results, indent=1, sort_keys=True))
    report(arguments, {key: results[key] for key in wanted})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", required=True, help="feature store")
    parser.add_argument("--targets", required=True, help="CSV of accuracies")
    parser.add_argument("--train", default="cifar10_valid", help="column to train on")
    parser.add_argument("--test", default="cifar10_test", help="column to test on")
    parser.add_argument("--budgets", type=int, nargs="+", default=[78, 156, 469, 781])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--predictors",
        nargs="+",
        default=["mabn", "mlp", "linear", "extra_trees", "extra_trees_aligned", *SUMS],
    )
    parser.add_argument("--options", default="{}", help="JSON of keywords of parzc.commands.train.train")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True, help="JSON of finished runs")
    return parser.parse_args()


@cache
def load(features: str, targets: str, column: str, other: str) -> tuple[Any, Any, Any]:
    tables = FeatureStore.open(features).tables()
    trained, tested = (read_targets(targets, name, tables) for name in (column, other))
    return tables, trained, tested


def tau_of_run(source: tuple[str, ...], options: Mapping[str, Any], key: str) -> tuple[str, dict[str, float]]:
    torch.set_num_threads(1)
    predictor, budget, seed = key.split("/")
    tables, trained, tested = load(*source)
    defaults = {name: p.default for name, p in inspect.signature(train).parameters.items()} | dict(options)
    split = split_architectures(sorted(trained), int(budget), defaults["validation"], int(seed))
    if predictor in SUMS:
        scores = np.array([tables[name].total(SUMS[predictor]) for name in split.held_out])
    elif predictor.startswith("extra_trees"):
        scores = extra_trees(tables, trained, split, totals=predictor == "extra_trees", seed=int(seed))
    else:
        scores = learned(predictor, tables, trained, split, defaults, int(seed))
    accuracies = np.array([tested[name] for name in split.held_out])
    canonical = NASBench201().canonical
    seen = {canonical(name) for name in split.budget}
    new = np.array([canonical(name) not in seen for name in split.held_out])
    return key, {
        "not trained on": float(kendalltau(scores, accuracies).statistic),
        "of a function not trained on": float(kendalltau(scores[new], accuracies[new]).statistic),
        "share": float(new.mean()),
    }


def learned(
    predictor: str, tables: Any, targets: Any, split: Split, options: Mapping[str, Any], seed: int
) -> np.ndarray:
    chosen = options["predictor"]
    spec = chosen if isinstance(chosen, Mapping) and chosen["name"] == predictor else predictor

    def prepare(fitted: Any) -> tuple[Any, Any]:
        encoding = plugins.build("encodings", options["encoding"])
        encoding.fit(fitted)
        return encoding, plugins.build("predictors", spec, length=encoding.length, channels=encoding.channels)

    recipe = Recipe(**{name: options[name] for name in Recipe.__dataclass_fields__})
    loss = plugins.build("losses", options["loss"])
    with tempfile.TemporaryDirectory() as folder:
        trained = train_predictor(
            [Task(tables, targets, split)], prepare, loss=loss, recipe=recipe, folder=Path(folder), seed=seed
        )
    return predict_mean(trained, [tables[name] for name in split.held_out])


def extra_trees(tables: Any, targets: Any, split: Split, *, totals: bool, seed: int) -> np.ndarray:
    encoding = Aligned()
    encoding.fit([tables[name] for name in split.budget])

    def rows(names: Any) -> np.ndarray:
        encoded = encoding([tables[name] for name in names])
        return (encoded.values[:, -1] if totals else encoded.flat()).numpy()

    model = ExtraTreesRegressor(500, max_features=1.0 if totals else 0.1, random_state=seed)
    model.fit(rows(split.budget), [targets[name] for name in split.budget])
    return np.asarray(model.predict(rows(split.held_out)))


def report(arguments: argparse.Namespace, results: Mapping[str, Mapping[str, float]]) -> None:
    for cells in ("not trained on", "of a function not trained on"):
        print(f"\nKendall tau with {arguments.test} of cells {cells},")
        print(f"mean ± sd of {len(arguments.seeds)} seeds\n")
        print("| predictor | " + " | ".join(map(str, arguments.budgets)) + " |")
        print("|---" * (1 + len(arguments.budgets)) + "|")
        for predictor in arguments.predictors:
            line = (summary(arguments.seeds, results, f"{predictor}/{b}", cells) for b in arguments.budgets)
            print(f"| {predictor} | {' | '.join(line)} |")
    first = arguments.predictors[0]
    shares = (summary(arguments.seeds, results, f"{first}/{b}", "share") for b in arguments.budgets)
    print(f"| share of cells | {' | '.join(shares)} |")


def summary(seeds: Sequence[int], results: Mapping[str, Mapping[str, float]], run: str, what: str) -> str:
    values = [results[f"{run}/{seed}"][what] for seed in seeds]
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.3f}"


if __name__ == "__main__":
    main()
