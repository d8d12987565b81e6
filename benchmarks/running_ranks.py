"""AZ-NAS's evolution: what ranking costs a step, kept up to date and computed anew.

    python benchmarks/running_ranks.py

Each step of the evolution adds an architecture to the history and aggregates the ranks of all by four
proxies. The published loop ranks the whole history anew. Printed: milliseconds a step at some lengths of the
history, the median of `--steps`.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from parzc.searching.running_ranks import RunningRanks

LENGTHS = (1_000, 2_000, 10_000, 100_000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=20)
    steps = parser.parse_args().steps
    generator = np.random.default_rng(0)
    print("| history | up to date, ms | anew, ms |\n|---|---|---|")
    for length in LENGTHS:
        scores = generator.normal(size=(length, 4))
        running = RunningRanks(4)
        for row in scores:
            running.add(row)
        history = [scores[:, member].tolist() for member in range(4)]  # lists, as published

        def step(running: RunningRanks = running) -> None:
            running.add(generator.normal(size=4))
            running.sum_of_logs()

        def anew(history: list[list[float]] = history) -> None:
            for member, value in zip(history, generator.normal(size=4).tolist(), strict=True):
                member.append(value)
            sum(np.log(rankdata(member) / len(member)) for member in history)

        print(f"| {length:,} | {median(step, steps):.2f} | {median(anew, steps):.2f} |", flush=True)


def median(run: Callable[[], None], steps: int) -> float:
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))


if __name__ == "__main__":
    main()
