"""Accuracies by trainings that are cheaper than the real ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from parzc.images import ImageData
from parzc.labelling import Recipe, divide
from parzc.probing.table import Architecture
from parzc.searching.resize import resized
from parzc.searching.trainings import train_all
from parzc.space import Space

__all__ = ["ReducedEvaluator"]


class ReducedEvaluator:
    """Trains smaller networks on smaller images for fewer epochs.

    The baseline that training-free proxies are compared with. Beside the accuracy it reports `reduction`:
    how many times fewer FLOPs the smaller network takes.

    Args:
        space: The space at full size.
        images: What to train on, at full size.
        seed: Of the validation part and of the trainings.
        rebuild: Makes the space anew with other options and another shape of images.
        options: Options of the space that make its networks smaller, such as `channels: 4`.
        resolution: Height and width of the images; `None` for their own.
        epochs: Passes over the training images.
        batch: Images in a mini-batch.
        learning_rate: At the start; falls to 0 along half a cosine.
        validation: Share of the training images that is held out; strategies are told the accuracy there.
        device: `auto` for the GPUs if there are any, `cpu`, `cuda`, or one GPU, `cuda:1`.
        jobs: Processes; -1 for one a core, or one a GPU.

    Source:
        Zhou et al., CVPR 2020 (EcoNAS), in the comparison of Abdelfattah et al., ICLR 2021 (on
        NAS-Bench-201: 4 channels, 8×8 images, epoch 20 of 40, batch 2048). Deviations: the learning rate
        reaches 0; accuracy on held-out images and not on the test part.
    """

    def __init__(
        self,
        *,
        space: Space,
        images: ImageData,
        seed: int,
        rebuild: Callable[[Mapping[str, Any], Sequence[int]], Space],
        options: Mapping[str, Any] | None = None,
        resolution: int | None = None,
        epochs: int = 20,
        batch: int = 32,
        learning_rate: float = 0.1,
        validation: float = 0.5,
        device: str = "auto",
        jobs: int = -1,
    ) -> None:
        images = resized(images, resolution)
        self._full = space
        self._space = rebuild(options or {}, images.shape)
        self._parts = divide(images, validation, seed)
        self._recipe = Recipe(epochs, batch, learning_rate)
        self._seeds, self._device, self._jobs = range(seed, seed + 1), device, jobs

    @property
    def architectures(self) -> None:
        """Say that the whole space can be trained."""

    def evaluate(
        self, architectures: Sequence[Architecture]
    ) -> Iterator[tuple[Architecture, Mapping[str, Any]]]:
        """Train architectures at reduced size.

        Args:
            architectures: Which.

        Yields:
            As `parzc.searching.trainings.train_all`, with `reduction`.
        """
        results = train_all(
            self._space,
            architectures,
            self._parts,
            self._recipe,
            seeds=self._seeds,
            device=self._device,
            jobs=self._jobs,
        )
        for name, result in results:
            full, reduced = self._full.cost(name).flops, self._space.cost(name).flops
            yield name, {**result, "reduction": full / max(1, reduced)}
