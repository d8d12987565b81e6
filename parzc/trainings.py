"""Train many architectures, side by side in several processes."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import joblib
import numpy as np
import torch

from parzc.labelling import Examples, Recipe, find_devices, train_and_test
from parzc.probing.table import Architecture
from parzc.space import Space

__all__ = ["Training", "train_each"]

Training = tuple[Architecture, int, tuple[float, float] | str]
"""An architecture, a seed, and accuracies on the validation and the test part, or why there are none."""

# What a network that cannot be built or trained raises; anything else is a fault of ours.
_DEATHS = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


def train_each(
    space: Space,
    wanted: Sequence[tuple[Architecture, int]],
    parts: Mapping[str, Examples],
    recipe: Recipe,
    *,
    device: str = "auto",
    jobs: int = -1,
) -> Iterator[Training]:
    """Train each architecture from its seed.

    Args:
        space: Builds the networks.
        wanted: Architectures and seeds.
        parts: The images `train`, `valid` and `test`.
        recipe: How to train.
        device: As for `parzc.labelling.find_devices`.
        jobs: Processes; -1 for one a core, or one a GPU. The results do not depend on them.

    Yields:
        Trainings in whatever order they end.
    """
    devices = find_devices(device)
    jobs = len(devices) if jobs == -1 and devices != ["cpu"] else jobs
    # As arrays: joblib hands large ones to its processes through one memory map instead of copies.
    arrays = {part: (examples.x.numpy(), examples.y.numpy()) for part, examples in parts.items()}
    run = joblib.delayed(_train_one)
    tasks = (
        run(space, name, seed, arrays, recipe, device=found)
        for (name, seed), found in zip(wanted, itertools.cycle(devices), strict=False)
    )
    with joblib.Parallel(
        1 if len(wanted) == 1 else jobs,
        return_as="generator_unordered",
        mmap_mode="c",
        pre_dispatch="2*n_jobs",
    ) as parallel:
        yield from parallel(tasks)


def _train_one(
    space: Space,
    architecture: Architecture,
    seed: int,
    arrays: Mapping[str, tuple[np.ndarray, np.ndarray]],
    recipe: Recipe,
    *,
    device: str,
) -> Training:
    parts = {part: Examples(torch.from_numpy(x), torch.from_numpy(y)) for part, (x, y) in arrays.items()}
    try:
        return architecture, seed, train_and_test(space, architecture, parts, recipe, seed, device=device)
    except _DEATHS as error:
        return architecture, seed, f"{type(error).__name__}: {' '.join(str(error).split())}"
