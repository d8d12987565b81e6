"""Extract the tables of many architectures on all cores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import joblib
import torch
from torch import Tensor

from parzc.probing.extract import extract
from parzc.probing.table import Architecture, Table
from parzc.space import Space

__all__ = ["Failure", "extract_all"]

CHUNK = 16

# What a network that cannot be built or run raises; anything else is a fault of ours.
_DEATHS = (
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Failure:
    """Why an architecture has no table.

    Attributes:
        reason: One line.
    """

    reason: str


def extract_all(
    space: Space,
    architectures: Sequence[Architecture],
    batch: tuple[Tensor, Tensor],
    statistics: Sequence[str],
    *,
    seed: int,
    jobs: int = -1,
) -> Iterator[list[tuple[Architecture, Table | Failure]]]:
    """Extract tables in several processes, one thread each.

    Every architecture is initialised from the same seed and sees the same batch, so a table does not
    depend on what is extracted beside it.

    Args:
        space: Builds the networks.
        architectures: Which.
        batch: Inputs and class labels.
        statistics: Names of statistics.
        seed: Seed of the initial weights.
        jobs: Processes; -1 for one a core.

    Yields:
        Small groups of architectures with their tables, or with the reason why there is none, in
        whatever order they end.
    """
    inputs, labels = (part.numpy() for part in batch)  # joblib maps large arrays instead of copying
    run = joblib.delayed(_extract_chunk)
    starts = range(0, len(architectures), CHUNK)
    tasks = (run(space, architectures[i : i + CHUNK], inputs, labels, statistics, seed) for i in starts)
    with joblib.Parallel(
        jobs, return_as="generator_unordered", mmap_mode="c", pre_dispatch="2*n_jobs"
    ) as pool:
        yield from pool(tasks)


def _extract_chunk(
    space: Space,
    architectures: Sequence[Architecture],
    inputs: object,
    labels: object,
    statistics: Sequence[str],
    seed: int,
) -> list[tuple[Architecture, Table | Failure]]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    batch = torch.as_tensor(inputs), torch.as_tensor(labels)
    try:
        return [(name, _extract_one(space, name, batch, statistics, seed)) for name in architectures]
    finally:
        torch.set_num_threads(threads)


def _extract_one(
    space: Space,
    architecture: Architecture,
    batch: tuple[Tensor, Tensor],
    statistics: Sequence[str],
    seed: int,
) -> Table | Failure:
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = space.build(architecture)
        return extract(network, batch, statistics)
    except _DEATHS as error:
        return Failure(f"{type(error).__name__}: {' '.join(str(error).split())}")
