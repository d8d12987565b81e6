"""How many architectures a learned proxy scores in a second of CPU, from stored features.

    python benchmarks/scoring_speed.py --features features/nb201 --proxy nb201.parzc

Reading the store, encoding, scores and scores with standard deviations, each apart; beside it how much slower
a plain loop over the tables is in the same run. CPU time, so that a busy machine measures alike, and the
clock's, which several threads shorten (only the scores have them). The best of three goes.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import torch

from parzc import plugins
from parzc.probing.stack import stack
from parzc.probing.store import FeatureStore
from parzc.probing.table import Table
from parzc.proxy import ParametricProxy, load_proxy


def seconds(work: Callable[[], object], times: int = 1) -> tuple[float, float]:
    spent = []
    for _ in range(times):
        cpu, clock = time.process_time(), time.perf_counter()
        work()
        spent.append((time.process_time() - cpu, time.perf_counter() - clock))
    return min(cpu for cpu, _ in spent), min(clock for _, clock in spent)


def untrained(tables: Sequence[Table], encoding: str, predictor: str) -> ParametricProxy:
    encoder = plugins.build("encodings", encoding)
    encoder.fit(tables)
    facts = {"length": encoder.length, "channels": encoder.channels}
    return ParametricProxy(encoder, plugins.build("predictors", predictor, **facts))


def measure(name: str, tables: Sequence[Table], work: Callable[[Sequence[Table]], object]) -> None:
    some = tables[:: max(1, len(tables) // 20)]
    with torch.no_grad():
        work(some)
        one, _ = seconds(lambda: [work([table]) for table in some])
        cpu, clock = seconds(lambda: work(tables), times=3)
    count = len(tables)
    loop = one / len(some) / (cpu / count)
    print(
        f"{name:10} {count / cpu:8.0f} tables/s of CPU, {count / clock:8.0f} by the clock;"
        f" a plain loop takes {loop:.1f} times the CPU"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", required=True, help="the folder of a feature store")
    parser.add_argument("--proxy", help="a proxy file; without, an untrained one takes as long")
    parser.add_argument("--encoding", default="aligned", help="of the untrained one (aligned)")
    parser.add_argument("--predictor", default="mabn", help="of the untrained one (mabn)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (1)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tables: list[Table] = []
    reading, _ = seconds(lambda: tables.extend(FeatureStore.open(options.features).tables().values()))
    if options.proxy:
        proxy = load_proxy(options.proxy)
    else:
        proxy = untrained(tables[:500], options.encoding, options.predictor)
    print(f"reading    {len(tables) / reading:8.0f} tables/s of CPU, {reading:.2f} s for {len(tables)}")
    measure("encoding", tables, lambda chosen: [proxy.encoding(part) for part in stack(chosen).cut(256)])
    measure("scores", tables, proxy.score)
    measure("with sd", tables[:1000], proxy.predict)


if __name__ == "__main__":
    main()
