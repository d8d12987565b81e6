"""Peak memory of extraction over that of one plain training step.

Each set of statistics runs in a process of its own: what is compared is how far the process's resident memory
rises above what it was before the first run, for extraction and for a plain forward and backward pass of the
same network and batch. Linux only (it reads /proc).

    python benchmarks/extraction_memory.py [--batch 64]
"""

import argparse
import multiprocessing
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from extraction_cost import CELLS, SETS

from parzc.probing.extract import extract
from parzc.probing.table import Architecture
from parzc.spaces.nasbench201 import NASBench201


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def rise(run: Callable[[], object]) -> int:
    """Watch resident memory from another thread while something runs."""
    start, highest, done = resident(), [0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            highest[0] = max(highest[0], resident())
            time.sleep(0.0005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    run()
    done.set()
    watcher.join()
    return highest[0] - start


def measure(cell: str, name: str, size: int, answer: "multiprocessing.Queue[int]") -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = NASBench201().build(Architecture(CELLS[cell])).train()
    batch = torch.randn(size, 3, 32, 32), torch.randint(10, (size,))
    small = batch[0][:1], batch[1][:1]

    def step(inputs: torch.Tensor, labels: torch.Tensor) -> None:
        F.cross_entropy(network(inputs), labels).backward()
        network.zero_grad()

    def probe(inputs: torch.Tensor, labels: torch.Tensor) -> None:
        extract(network, (inputs, labels), SETS[name], second_batch=(inputs.flip(0), labels.flip(0)))

    run = step if name == "plain step" else probe
    run(*(part[:2] for part in batch) if name != "plain step" else small)  # what libraries load on first use
    answer.put(rise(lambda: run(*batch)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=64, help="images in the mini-batch (64)")
    size = parser.parse_args().batch
    context = multiprocessing.get_context("spawn")
    print(f"NAS-Bench-201, C=16, N=5, batch {size}: rise of resident memory, and ratio to a plain step")
    for cell in CELLS:
        plain = 0
        for name in ("plain step", *SETS):
            answer: multiprocessing.Queue[int] = context.Queue()
            process = context.Process(target=measure, args=(cell, name, size, answer))
            process.start()
            found = answer.get()
            process.join()
            plain = plain or found
            print(f"{cell:>12}  {name:<28} {found / 2**20:6.0f} MiB {found / plain:5.2f}", flush=True)


if __name__ == "__main__":
    main()
