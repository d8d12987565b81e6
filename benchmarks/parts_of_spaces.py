"""Compare proxies without labels in parts of spaces, where other things vary than in the whole.

    python benchmarks/parts_of_spaces.py --out parts.json \\
        --features nasbench201 nasbench101 darts --targets nb201.csv nb101.csv darts.csv \\
        --target cifar10_valid val_acc_108ep val_acc_200ep --proxy params az_nas "rank_sum(params,naswot)"

Each space is cut into thirds by each proxy of `--by`, and pools of `--pools` architectures are drawn from it
at random. An aggregate ranks, and weighs its members, among the architectures of the part only. Printed is
Kendall's tau-b, mean over the parts of a space; thirds with fewer than 25 targets are left out.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from parzc.aggregate import AggregateProxy
from parzc.atomic import atomic_write
from parzc.evaluation.correlation import kendall_tau
from parzc.probing.stack import stack
from parzc.probing.store import FeatureStore
from parzc.proxy import open_proxy
from parzc.targets import read_targets

FEWEST = 25
LARGEST = 1500


def cut(sizes: Sequence[Any], pools: Sequence[int], draws: int) -> Iterator[tuple[str, np.ndarray]]:
    """Give the kind of every part, and the places of its architectures."""
    random = np.random.RandomState(0)
    for scores in sizes:
        share = np.argsort(np.argsort(scores, kind="stable")) / len(scores)
        for third in range(3):
            places = np.flatnonzero((share >= third / 3) & (share < (third + 1) / 3))
            if len(places) >= FEWEST:
                yield "thirds", random.permutation(places)[:LARGEST]
    for pool in pools:
        for _ in range(draws):
            yield f"pools of {pool}", random.permutation(len(sizes[0]))[:pool]


def compare(arguments: argparse.Namespace, features: str, file: str, column: str) -> dict[str, Any]:
    """Score the parts of one space by every proxy."""
    tables = FeatureStore.open(features).tables()
    known = read_targets(file, column, tables)
    order, targets = stack([tables[name] for name in known]), np.array(list(known.values()))
    proxies = {name: open_proxy(name) for name in arguments.proxy}
    measured = {
        name: proxy.measure(order) if isinstance(proxy, AggregateProxy) else proxy.predict(order)[0]
        for name, proxy in proxies.items()
    }
    found: dict[str, dict[str, list[float]]] = {}
    sizes = [open_proxy(name).predict(order)[0] for name in arguments.by]
    for kind, places in cut(sizes, arguments.pools, arguments.draws):
        for name, proxy in proxies.items():
            part = measured[name][..., places]
            scores = proxy.combine(part) if isinstance(proxy, AggregateProxy) else part
            tau = kendall_tau(np.nan_to_num(scores, nan=-np.inf), targets[places])
            found.setdefault(kind, {}).setdefault(name, []).append(tau)
    return {kind: {name: float(np.mean(taus)) for name, taus in each.items()} for kind, each in found.items()}


def main() -> None:
    """Print one line a space and a kind of part, and the mean over spaces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("features", "targets", "target"):
        parser.add_argument(f"--{name}", nargs="+", required=True, help="of each space, in the same order")
    parser.add_argument("--proxy", nargs="+", required=True, help="training-free proxies and aggregates")
    parser.add_argument("--by", nargs="+", default=["params", "live_layers", "mean_expressivity"])
    parser.add_argument("--pools", nargs="*", type=int, default=[20, 50], help="sizes of random pools")
    parser.add_argument("--draws", type=int, default=20, help="random pools of each size")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    spaces = zip(arguments.features, arguments.targets, arguments.target, strict=True)
    results = {space[0]: compare(arguments, *space) for space in spaces}
    for kind in dict.fromkeys(kind for found in results.values() for kind in found):
        of_kind = {space: found[kind] for space, found in results.items() if kind in found}
        for space, found in of_kind.items():
            print(kind, space, {name: round(tau, 3) for name, tau in found.items()}, flush=True)
        means = {name: np.mean([found[name] for found in of_kind.values()]) for name in arguments.proxy}
        print(kind, "mean", {name: round(float(mean), 3) for name, mean in means.items()}, flush=True)
    with atomic_write(arguments.out) as part:
        part.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
