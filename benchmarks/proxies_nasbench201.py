"""NAS-Bench-201: how every training-free proxy ranks cells, beside what was published.

Each feature store is one initialisation of the same cells:

    python benchmarks/proxies_nasbench201.py --features features/nb201_seed* --targets nasbench201.csv.gz \\
        --out proxies.json

The first table has Kendall's tau-b and Spearman's rho of every proxy in `parzc/proxies` and of the aggregates
in `AGGREGATES` with two columns of accuracies: mean ± standard deviation over the stores. A score that is
missing is ranked last and counted. The second table sets the means beside published numbers; `pairwise` there
is the share of pairs that a vote decides rightly. A proxy whose statistics a store lacks is left out.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import kendalltau, spearmanr

from parzc import plugins
from parzc.aggregate import AggregateProxy
from parzc.atomic import atomic_write
from parzc.evaluation.vote import vote_accuracy
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.protocol import Proxy
from parzc.proxy import open_proxy
from parzc.spaces.nasbench201 import NASBench201
from parzc.targets import read_targets

EPT = "expressivity,progressivity,trainability"
VOTE = "vote(synflow,jacob_cov,snip)"
AGGREGATES = (
    f"az_rank({EPT})",
    "az_rank(expressivity,flops)",
    "az_rank(expressivity,progressivity,flops)",
    "az_rank(expressivity,trainability,flops)",
    f"rank_sum({EPT},flops)",
    f"az_rank({EPT},flops,zico)",
    f"az_rank({EPT},flops,synflow)",
    VOTE,
)
VOTES = ("synflow", "jacob_cov", "snip", VOTE)


class Published(NamedTuple):
    """Correlations of one source.

    Attributes:
        source: Who published or measured them.
        measure: Which correlation.
        cells: All 15,625, the canonical 9,445 of them, or a sample.
        values: With the accuracies on CIFAR-10 and CIFAR-100; NaN where not stated.
    """

    source: str
    measure: str
    cells: str
    values: Mapping[str, tuple[float, float]]


NAN = float("nan")
PUBLISHED = (
    Published(
        "Lee & Ham 2024",  # Kaiming initialisation; their grad_norm is that of the whole gradient
        "kendall_tau",
        "all",
        {
            "params": (0.578, 0.552),
            "flops": (0.578, 0.551),
            "grad_norm": (0.357, 0.350),
            "grasp": (0.318, 0.315),
            "snip": (0.454, 0.451),
            "naswot": (0.557, 0.579),
            "te_nas": (0.536, 0.535),
            "zen": (0.296, 0.283),
            "zico": (0.589, 0.590),
            "synflow": (0.571, 0.565),
            "expressivity": (0.569, 0.563),
            "progressivity": (0.521, 0.508),
            "trainability": (0.349, 0.353),
            "az_nas": (0.741, 0.723),
            "az_rank(expressivity,flops)": (0.674, 0.653),
            "az_rank(expressivity,progressivity,flops)": (0.679, 0.673),
            "az_rank(expressivity,trainability,flops)": (0.731, 0.714),
            f"rank_sum({EPT},flops)": (0.697, 0.681),
            f"az_rank({EPT},flops,zico)": (0.773, 0.757),
            f"az_rank({EPT},flops,synflow)": (0.776, 0.758),
        },
    ),
    Published("Lee & Ham 2024", "spearman_rho", "all", {"az_nas": (0.913, 0.900)}),
    Published(
        "AZ-NAS measured again",
        "kendall_tau",
        "a sample",
        {
            "expressivity": (0.565, 0.552),
            "progressivity": (0.517, 0.507),
            "trainability": (0.342, 0.341),
            "flops": (0.605, 0.581),
            f"az_rank({EPT})": (0.655, 0.647),
            "az_rank(expressivity,trainability,flops)": (0.723, 0.703),
            "az_nas": (0.732, 0.714),
            f"rank_sum({EPT},flops)": (0.698, 0.680),
        },
    ),
    Published(
        "VKDNW",  # batch 32, mean of 5 runs
        "kendall_tau",
        "all",
        {
            "flops": (0.623, 0.586),
            "live_layers": (0.626, 0.646),
            "grad_norm": (0.328, 0.341),
            "grasp": (0.352, 0.359),
            "snip": (0.431, 0.440),
            "synflow": (0.561, 0.553),
            "jacob_cov": (0.616, 0.639),
            "naswot": (0.571, 0.607),
            "zen": (0.102, 0.079),
            "zico": (0.607, 0.614),
            "te_nas": (0.536, 0.537),
            "az_nas": (0.712, 0.696),
        },
    ),
    Published("VKDNW", "spearman_rho", "all", {"az_nas": (0.892, 0.880)}),
    Published(
        "NAS-Bench-Suite-Zero",
        "kendall_tau",
        "canonical",
        {
            "params": (0.621, NAN),
            "flops": (0.572, NAN),
            "naswot": (0.623, NAN),
            "jacob_cov": (0.614, NAN),
            "synflow": (0.578, NAN),
            "l2_norm": (0.550, NAN),
            "snip": (0.442, NAN),
            "grad_norm": (0.440, NAN),
            "fisher": (0.399, NAN),
            "grasp": (0.377, NAN),
            "plain": (-0.233, NAN),
        },
    ),
    Published(
        "zero-cost-nas",  # CIFAR-10 there: test accuracy of runs on half of the training images
        "spearman_rho",
        "all",
        {
            "grad_norm": (0.594, 0.637),
            "snip": (0.596, 0.637),
            "grasp": (0.514, 0.547),
            "fisher": (0.360, 0.385),
            "synflow": (0.737, 0.763),
            "jacob_cov": (0.731, 0.704),
        },
    ),
    Published("synflow measured again", "kendall_tau", "all", {"synflow": (0.581, 0.569)}),
    Published("synflow measured again", "spearman_rho", "all", {"synflow": (0.777, 0.763)}),
    Published("zero-cost-nas", "pairwise", "all", {VOTE: (0.817, 0.832)}),
    Published("synflow measured again", "pairwise", "all", {"synflow": (0.791, 0.784)}),
)


class Result(NamedTuple):
    """One proxy on one store: correlations by `measure/cells/column`, and how many scores are missing."""

    numbers: dict[str, float]
    missing: int


def main() -> None:
    arguments = parse()
    names = arguments.proxies or [*plugins.available("proxies"), *AGGREGATES]
    results: dict[str, list[Result]] = {name: [] for name in names}
    for folder in arguments.features:
        tables = FeatureStore.open(folder).tables()
        targets = {column: read_targets(arguments.targets, column, tables) for column in arguments.columns}
        for name, result in rank_all(names, tables, targets).items():
            results[name].append(result)
        print(f"{folder}: {len(next(iter(targets.values())))} cells", file=sys.stderr)
    found = {name: several for name, several in results.items() if several}
    print_proxies(found, arguments.columns)
    print_comparison(found, arguments.columns)
    if arguments.out:
        content = {name: [r._asdict() for r in several] for name, several in found.items()}
        with atomic_write(arguments.out) as part:
            part.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", required=True, nargs="+", help="feature stores, one an initialisation")
    parser.add_argument("--targets", required=True, help="CSV of accuracies")
    parser.add_argument("--columns", nargs=2, default=["cifar10_test", "cifar100_test"])
    parser.add_argument("--proxies", nargs="+", help="names or aggregates; all there are by default")
    parser.add_argument("--out", type=Path, help="JSON of every number")
    return parser.parse_args()


def rank_all(
    names: Sequence[str],
    tables: Mapping[Architecture, Table],
    targets: Mapping[str, Mapping[Architecture, float]],
) -> dict[str, Result]:
    cells = list(next(iter(targets.values())))
    accuracies = {column: np.array([values[cell] for cell in cells]) for column, values in targets.items()}
    canonical = NASBench201().canonical
    subsets = {"all": np.full(len(cells), True), "canonical": np.array([canonical(c) == c for c in cells])}
    known: dict[str, np.ndarray] = {}
    results = {}
    for name in names:
        try:
            leaves, scores = score(open_proxy(name), [tables[cell] for cell in cells], known)
        except LookupError as error:
            print(f"note: {name} is left out: {error}", file=sys.stderr)
            continue
        last = np.where(np.isnan(scores), -np.inf, scores)
        numbers = {}
        for column, accuracy in accuracies.items():
            for subset, kept in subsets.items():
                differs = len(set(last[kept].tolist())) > 1  # else no correlation is defined
                for measure, correlation in (("kendall_tau", kendalltau), ("spearman_rho", spearmanr)):
                    found = correlation(last[kept], accuracy[kept]).statistic if differs else NAN
                    numbers[f"{measure}/{subset}/{column}"] = float(found)
            if name in VOTES:
                numbers[f"pairwise/all/{column}"] = vote_accuracy(leaves, accuracy)
        results[name] = Result(numbers, int(np.isnan(scores).sum()))
    return results


def score(
    proxy: Proxy, tables: Sequence[Table], known: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Score with each member once, however many aggregates it is in."""
    aggregate = isinstance(proxy, AggregateProxy)
    rows = []
    for leaf in proxy.leaves if aggregate else [proxy]:
        name = leaf.formula.__name__
        if name not in known:
            known[name] = leaf.predict(tables)[0]
        rows.append(known[name])
    leaves = np.stack(rows)
    return leaves, proxy.combine(leaves) if aggregate else leaves[0]


def print_proxies(results: Mapping[str, Sequence[Result]], columns: Sequence[str]) -> None:
    measures = [f"{what}/all/{column}" for what in ("kendall_tau", "spearman_rho") for column in columns]
    titles = [f"{what} {column}" for what in ("tau", "rho") for column in columns]
    print(f"| proxy | {' | '.join(titles)} | missing |\n{'|---' * (len(titles) + 2)}|")
    for name, several in results.items():
        missing = ", ".join(str(result.missing) for result in several)
        print(f"| {name} | {' | '.join(spread(several, measure) for measure in measures)} | {missing} |")


def print_comparison(results: Mapping[str, Sequence[Result]], columns: Sequence[str]) -> None:
    print(f"\n| proxy | measure | source | cells |{' ours | published | difference |' * 2}\n{'|---' * 10}|")
    for name in results:
        for source in PUBLISHED:
            if name not in source.values:
                continue
            subset = "canonical" if source.cells == "canonical" else "all"
            line = [name, source.measure, source.source, source.cells]
            for column, published in zip(columns, source.values[name], strict=True):
                several = [result.numbers[f"{source.measure}/{subset}/{column}"] for result in results[name]]
                ours = float(np.mean(several))
                beside = ["", ""] if np.isnan(published) else [f"{published:.3f}", f"{ours - published:+.3f}"]
                line += [f"{ours:.3f}", *beside]
            print(f"| {' | '.join(line)} |")


def spread(results: Sequence[Result], measure: str) -> str:
    values = [result.numbers[measure] for result in results]
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.3f}"


if __name__ == "__main__":
    main()
