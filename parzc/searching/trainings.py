"""Train architectures in several processes, for the evaluators that train."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import joblib
import numpy as np
import torch

from parzc.labelling import Examples, Recipe, find_devices, train_and_test
from parzc.probing.table import Architecture
from parzc.space import Space

__all__ = ["train_all"]

# What a network that cannot be built or trained raises; anything else is a fault of ours.
_DEATHS = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


def train_all(
    space: Space,
    architectures: Sequence[Architecture],
    parts: Mapping[str, Examples],
    recipe: Recipe,
    *,
    seeds: range,
    device: str = "auto",
    jobs: int = -1,
) -> Iterator[tuple[Architecture, Mapping[str, Any]]]:
    """Train architectures.

    Args:
        space: Builds the networks.
        architectures: Which.
        parts: The images `train`, `valid` and `test`.
        recipe: How to train.
        seeds: One training each; the result is their mean.
        device: As for `parzc.labelling.find_devices`.
        jobs: Processes; -1 for one a core, or one a GPU.

    Yields:
        Architectures in whatever order they end, with `accuracy` on the validation part and
        `test_accuracy`, fractions in [0, 1], or with `failure`.
    """
    devices = find_devices(device)
    jobs = len(devices) if jobs == -1 and devices != ["cpu"] else jobs
    arrays = {part: (examples.x.numpy(), examples.y.numpy()) for part, examples in parts.items()}
    run = joblib.delayed(_train_one)
    wanted = itertools.product(architectures, seeds)
    tasks = [
        run(space, name, seed, arrays, recipe, device=device)
        for (name, seed), device in zip(wanted, itertools.cycle(devices), strict=False)
    ]
    found: dict[Architecture, list[tuple[float, float] | str]] = {name: [] for name in architectures}
    jobs = 1 if len(tasks) == 1 else jobs
    with joblib.Parallel(jobs, return_as="generator_unordered", mmap_mode="c") as parallel:
        for name, result in parallel(tasks):
            found[name].append(result)
            if len(found[name]) == len(seeds):
                yield name, _summary(found[name])


def _summary(results: Sequence[tuple[float, float] | str]) -> dict[str, Any]:
    for result in results:
        if isinstance(result, str):
            return {"failure": result}
    valid, test = np.mean([result for result in results if not isinstance(result, str)], axis=0)
    return {"accuracy": float(valid), "test_accuracy": float(test)}


def _train_one(
    space: Space,
    architecture: Architecture,
    seed: int,
    arrays: Mapping[str, tuple[np.ndarray, np.ndarray]],
    recipe: Recipe,
    *,
    device: str,
) -> tuple[Architecture, tuple[float, float] | str]:
    parts = {part: Examples(torch.from_numpy(x), torch.from_numpy(y)) for part, (x, y) in arrays.items()}
    try:
        return architecture, train_and_test(space, architecture, parts, recipe, seed, device=device)
    except _DEATHS as error:
        return architecture, f"{type(error).__name__}: {' '.join(str(error).split())}"
