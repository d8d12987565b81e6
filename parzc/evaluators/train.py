"""Accuracies by training."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from parzc.images import ImageData
from parzc.labelling import Recipe, divide
from parzc.probing.table import Architecture
from parzc.searching.trainings import train_all
from parzc.space import Space

__all__ = ["TrainEvaluator"]


class TrainEvaluator:
    """Trains networks, as `parzc label` does.

    Args:
        space: Builds the networks.
        images: What to train on.
        seed: Of the validation part and, counting up, of the trainings.
        seeds: Trainings of each architecture, of which the mean counts.
        epochs: Passes over the training images.
        batch: Images in a mini-batch.
        learning_rate: At the start; falls to 0 along half a cosine.
        optimiser: `sgd` or `adamw`.
        weight_decay: As the optimiser understands it.
        augment: How training images change at random: `flip`, `crop`.
        patience: Stop a training after so many epochs without a better validation accuracy.
        validation: Share of the training images that is held out; strategies are told the accuracy there.
        device: `auto` for the GPUs if there are any, `cpu`, `cuda`, or one GPU, `cuda:1`.
        jobs: Processes; -1 for one a core, or one a GPU.
    """

    def __init__(
        self,
        *,
        space: Space,
        images: ImageData,
        seed: int,
        seeds: int = 1,
        epochs: int = 20,
        batch: int = 32,
        learning_rate: float = 0.1,
        optimiser: str = "sgd",
        weight_decay: float = 5e-4,
        augment: Sequence[str] = (),
        patience: int | None = None,
        validation: float = 0.5,
        device: str = "auto",
        jobs: int = -1,
    ) -> None:
        if seeds < 1:
            raise ValueError(f"seeds should be at least 1, got {seeds}.")
        self._space = space
        self._parts = divide(images, validation, seed)
        self._recipe = Recipe(
            epochs, batch, learning_rate, optimiser, weight_decay, augment=tuple(augment), patience=patience
        )
        self._seeds, self._device, self._jobs = range(seed, seed + seeds), device, jobs

    @property
    def architectures(self) -> None:
        """Say that the whole space can be trained."""

    def evaluate(
        self, architectures: Sequence[Architecture]
    ) -> Iterator[tuple[Architecture, Mapping[str, Any]]]:
        """Train architectures.

        Args:
            architectures: Which.

        Yields:
            As `parzc.searching.trainings.train_all`.
        """
        return train_all(
            self._space,
            architectures,
            self._parts,
            self._recipe,
            seeds=self._seeds,
            device=self._device,
            jobs=self._jobs,
        )
