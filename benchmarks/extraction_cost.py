"""Cost of extraction over one plain training step's forward and backward pass.

Both run in turn on the same network and batch, one thread, and the ratio is taken pair by pair, so that a
machine whose speed drifts does not matter. Run it on an otherwise idle machine:

    python benchmarks/extraction_cost.py [--batch 16] [--repeats 15]
"""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from parzc.probing.extract import DEFAULT_STATISTICS, extract
from parzc.probing.table import Architecture
from parzc.spaces.nasbench201 import NASBench201

CELLS = {
    "all conv3x3": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    "best": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    "one conv1x1": "|skip_connect~0|+|none~0|nor_conv_1x1~1|+|avg_pool_3x3~0|skip_connect~1|skip_connect~2|",
}
ONE_LOSS_PASS = [*(name for name in DEFAULT_STATISTICS if name != "synflow"), "naswot"]
MIDDLE = [*ONE_LOSS_PASS, "synflow", "jacob_cov", "expressivity", "trainability", "zico"]
SETS: dict[str, Sequence[str]] = {
    "all default statistics": DEFAULT_STATISTICS,
    "one loss pass with naswot": ONE_LOSS_PASS,
    "+ synflow jacob_cov az_nas zico": MIDDLE,
    "+ synflow_bn grasp zen": [*MIDDLE, "synflow_bn", "grasp", "zen"],
    "snip": ["snip"],
    "synflow": ["synflow"],
    "ntk_trace": ["ntk_trace"],
}


def seconds(run: Callable[[], object]) -> float:
    start = time.process_time()  # of this process alone, whatever else the machine does
    run()
    return time.process_time() - start


def ratios(
    network: torch.nn.Module,
    batch: tuple[torch.Tensor, torch.Tensor],
    statistics: Sequence[str],
    repeats: int,
) -> np.ndarray:
    def step() -> None:
        F.cross_entropy(network(batch[0]), batch[1]).backward()
        network.zero_grad()

    second = batch[0].flip(0), batch[1].flip(0)

    def probe() -> None:
        extract(network, batch, statistics, second_batch=second)

    step()
    probe()
    return np.array([seconds(probe) / seconds(step) for _ in range(repeats)])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=16, help="images in the mini-batch (16)")
    parser.add_argument("--repeats", type=int, default=15, help="pairs of runs (15)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    batch = torch.randn(options.batch, 3, 32, 32), torch.randint(10, (options.batch,))
    print(
        f"NAS-Bench-201, C=16, N=5, batch {options.batch}: median (quartiles) of the ratio to one plain step"
    )
    for cell, notation in CELLS.items():
        network = NASBench201().build(Architecture(notation))
        for name, statistics in SETS.items():
            low, middle, high = np.quantile(
                ratios(network, batch, statistics, options.repeats), [0.25, 0.5, 0.75]
            )
            print(f"{cell:>12}  {name:<32} {middle:5.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
