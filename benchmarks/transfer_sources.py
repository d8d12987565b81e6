"""Choose how to learn a prior for other spaces, on the source spaces alone: leave one out, transfer to it.

    python benchmarks/transfer_sources.py --experiment transfer_to_vit --out sources.json \\
        --features features/nb201 features/nb101 features/darts --targets nb201.csv nb101.csv darts.csv \\
        --target cifar10_valid val_acc_108ep val_acc_200ep --set kl_weight=1 --set kl_weight=3

For each `--set` and each space left out: Kendall's tau-b with that space's targets after 0, 5, 20, 50 of its
labels, mean over splits. The target spaces of the report play no part, so whatever is chosen here is chosen
without them.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from parzc.atomic import atomic_write
from parzc.commands.export import export
from parzc.commands.train import train
from parzc.config import compose
from parzc.evaluation.correlation import kendall_tau
from parzc.probing.store import FeatureStore
from parzc.proxy import load_proxy
from parzc.targets import read_targets

BUDGETS = (0, 5, 20, 50)


def learn(arguments: argparse.Namespace, chosen: str, kept: Sequence[int]) -> Any:
    """Train on the spaces that are kept, and load the proxy."""
    named = {name: [getattr(arguments, name)[i] for i in kept] for name in ("features", "targets", "target")}
    with tempfile.TemporaryDirectory() as folder:
        overrides = [f"{name}={','.join(values)}" for name, values in named.items()]
        overrides += [f"experiment={arguments.experiment}", f"out={folder}/run", *chosen.split()]
        train(**compose("train", overrides))
        export(checkpoint=f"{folder}/run", out=f"{folder}/proxy.parzc")
        return load_proxy(f"{folder}/proxy.parzc")


def transfer(proxy: Any, features: str, file: str, column: str, splits: int) -> dict[str, float]:
    """Condition on labels of the space left out, and compare with the rest."""
    tables = FeatureStore.open(features).tables()
    known = read_targets(file, column, tables)
    proxy.encoding.adapt(list(tables.values()))
    encoded = proxy.encoding([tables[name] for name in known])
    targets = np.array(list(known.values()))
    found: dict[str, float] = {}
    for budget in BUDGETS:
        taus = []
        for seed in range(splits if budget else 1):
            order = np.random.RandomState(seed).permutation(len(targets))
            seen, rest = order[:budget], torch.from_numpy(order[budget:])
            if budget:
                proxy.predictor.condition(
                    encoded[torch.from_numpy(seen)], torch.from_numpy(targets[seen]).float()
                )
            with torch.no_grad():
                taus.append(kendall_tau(proxy.predictor(encoded[rest])[0].numpy(), targets[rest.numpy()]))
        found[str(budget)] = float(np.mean(taus))
    return found


def main() -> None:
    """Print one line a setting and a space, and the mean over spaces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("features", "targets", "target"):
        parser.add_argument(f"--{name}", nargs="+", required=True, help="of each space, in the same order")
    parser.add_argument("--experiment", default="transfer_to_vit", help="of parzc train")
    parser.add_argument("--set", action="append", default=[], help="overrides to compare, 'key=value …'")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    for chosen in arguments.set or [""]:
        spaces = range(len(arguments.features))
        for left_out in spaces:
            proxy = learn(arguments, chosen, [i for i in spaces if i != left_out])
            of_space = [getattr(arguments, name)[left_out] for name in ("features", "targets", "target")]
            found = transfer(proxy, *of_space, splits=arguments.splits)
            results.setdefault(chosen, {})[arguments.features[left_out]] = found
            print(chosen, of_space[0], {budget: round(tau, 3) for budget, tau in found.items()}, flush=True)
        means = {b: np.mean([found[b] for found in results[chosen].values()]) for b in map(str, BUDGETS)}
        print(chosen, "mean", {budget: round(float(tau), 3) for budget, tau in means.items()}, flush=True)
    with atomic_write(arguments.out) as part:
        part.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
