"""Train a predictor further, on the few targets of another space."""

import copy
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from parzc.learning.data import Task
from parzc.learning.training import Recipe, Trained, train_predictor
from parzc.probing.table import Table

__all__ = ["FURTHER", "train_further"]

FURTHER = Recipe(epochs=120, patience=20, learning_rate=0.02, validation=0.0)
"""How to do so: longer than from scratch, and without a part to stop by, as there are few targets."""


def train_further(
    start: Trained, task: Task, *, loss: Callable[[Tensor, Tensor], Tensor], recipe: Recipe, seed: int
) -> Trained:
    """Go on from a trained predictor, or condition it if targets do so in closed form.

    Args:
        start: Encoding, adapted to the space, and predictor; left as they are.
        task: What there is to learn from the space.
        loss: From scores and targets to a number; lower is better. Like the recipe it plays no part where
            targets condition in closed form.
        recipe: How to train.
        seed: Of the order of batches and the noise.

    Returns:
        The same encoding and another predictor, in evaluation mode.
    """
    predictor = copy.deepcopy(start.predictor)
    if hasattr(predictor, "condition"):
        names = task.split.budget
        known = torch.tensor([task.targets[name] for name in names], dtype=torch.float32)
        predictor.condition(start.encoding([task.tables[name] for name in names]), known)
        return Trained(start.encoding, predictor)

    def prepare(_: Sequence[Table]) -> tuple[Any, Any]:
        return start.encoding, copy.deepcopy(start.predictor).train()

    with tempfile.TemporaryDirectory() as folder:
        return train_predictor([task], prepare, loss=loss, recipe=recipe, folder=Path(folder), seed=seed)
