"""Accuracies of architectures, for the evaluators that train."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from parzc.labelling import Examples, Recipe
from parzc.probing.table import Architecture
from parzc.space import Space
from parzc.trainings import train_each

__all__ = ["train_all"]


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
    found: dict[Architecture, list[tuple[float, float] | str]] = {name: [] for name in architectures}
    wanted = list(itertools.product(architectures, seeds))
    for name, _, result in train_each(space, wanted, parts, recipe, device=device, jobs=jobs):
        found[name].append(result)
        if len(found[name]) == len(seeds):
            yield name, _summary(found[name])


def _summary(results: Sequence[tuple[float, float] | str]) -> dict[str, Any]:
    for result in results:
        if isinstance(result, str):
            return {"failure": result}
    valid, test = np.mean([result for result in results if not isinstance(result, str)], axis=0)
    return {"accuracy": float(valid), "test_accuracy": float(test)}
