"""Extract the tables of many architectures on all cores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import joblib
import numpy as np
import torch
from torch import nn

from parzc.probing.extract import BlockInputs, Compat, extract
from parzc.probing.passes import Batch
from parzc.probing.table import Architecture, Table
from parzc.space import Space

__all__ = ["Failure", "extract_all"]

CHUNK = 16

Arrays = tuple[np.ndarray, np.ndarray] | None

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
    batch: Batch,
    statistics: Sequence[str],
    *,
    seed: int,
    jobs: int = -1,
    second_batch: Batch | None = None,
    blocks: Sequence[str] | None = None,
    block_inputs: BlockInputs = None,
    compat: Compat = None,
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
        second_batch: As for `extract`.
        blocks: As for `extract`.
        block_inputs: As for `extract`.
        compat: As for `extract`.

    Yields:
        Small groups of architectures with their tables, or with the reason why there is none, in
        whatever order they end.
    """
    read = _Reading(list(statistics), _arrays(batch), _arrays(second_batch), blocks, block_inputs, compat)
    run = joblib.delayed(_extract_chunk)
    starts = range(0, len(architectures), CHUNK)
    tasks = (run(space, architectures[i : i + CHUNK], read, seed) for i in starts)
    with joblib.Parallel(
        jobs, return_as="generator_unordered", mmap_mode="c", pre_dispatch="2*n_jobs"
    ) as pool:
        yield from pool(tasks)


@dataclass(frozen=True)
class _Reading:
    """What `extract` is called with; the batches as arrays, which joblib maps instead of copying."""

    statistics: list[str]
    batch: Arrays
    second_batch: Arrays
    blocks: Sequence[str] | None
    block_inputs: BlockInputs
    compat: Compat

    def __call__(self, network: nn.Module) -> Table:
        second = self.second_batch and _tensors(self.second_batch)
        batch = _tensors(self.batch or ())
        return extract(
            network,
            batch,
            self.statistics,
            second_batch=second,
            blocks=self.blocks,
            block_inputs=self.block_inputs,
            compat=self.compat,
        )


def _arrays(batch: Batch | None) -> Arrays:
    return None if batch is None else (batch[0].numpy(), batch[1].numpy())


def _tensors(arrays: Sequence[np.ndarray]) -> Batch:
    inputs, labels = arrays
    return torch.as_tensor(inputs), torch.as_tensor(labels)


def _extract_chunk(
    space: Space, architectures: Sequence[Architecture], read: _Reading, seed: int
) -> list[tuple[Architecture, Table | Failure]]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [(name, _extract_one(space, name, read, seed)) for name in architectures]
    finally:
        torch.set_num_threads(threads)


def _extract_one(space: Space, architecture: Architecture, read: _Reading, seed: int) -> Table | Failure:
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = space.build(architecture)
        return read(network)
    except _DEATHS as error:
        return Failure(f"{type(error).__name__}: {' '.join(str(error).split())}")
