"""Time to train the default predictor on few and on many targets, and their ratio.

    python benchmarks/training_time.py --features features/nb201 --targets nasbench201.csv.gz \\
        --target cifar10_valid

Reading the store and encoding all tables are part of both; one thread.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from parzc.commands.train import train


def seconds(features: str, targets: str, target: str, budget: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        train(features=features, targets=targets, target=target, budget=budget, out=str(Path(folder) / "run"))
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", required=True, help="the folder of a feature store")
    parser.add_argument("--targets", required=True, help="a CSV file of accuracies")
    parser.add_argument("--target", required=True, help="its column")
    parser.add_argument("--budgets", type=int, nargs=2, default=[156, 1563], help="targets (156 1563)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    few, many = (seconds(options.features, options.targets, options.target, b) for b in options.budgets)
    fewer, more = options.budgets
    print(f"{fewer} targets {few:.1f} s, {more} targets {many:.1f} s: ratio {many / few:.2f}")


if __name__ == "__main__":
    main()
