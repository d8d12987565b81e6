"""Train networks to learn how accurate they become."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from parzc.augmentation import AUGMENTATIONS, augment
from parzc.images import ImageData, split
from parzc.probing.table import Architecture
from parzc.space import Space

__all__ = ["Examples", "Recipe", "accuracy", "divide", "find_devices", "fit", "train_and_test"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training part.
        batch: Images in a mini-batch; a smaller rest at the end of an epoch is left out.
        learning_rate: At the start; falls to 0 along half a cosine.
        optimiser: `sgd` (Nesterov momentum .9) or `adamw`.
        weight_decay: As the optimiser understands it.
        augment: How training images may change, see `parzc.augmentation`.
        patience: Stop after so many epochs without a better validation accuracy, and keep the weights
            that had the best; `None` to train all epochs.
    """

    epochs: int
    batch: int
    learning_rate: float
    optimiser: str = "sgd"
    weight_decay: float = 5e-4
    augment: tuple[str, ...] = ()
    patience: int | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot train anything."""
        if self.epochs < 1 or self.batch < 2:
            raise ValueError(f"epochs should be 1 and batch 2 or more, got {self.epochs} and {self.batch}.")
        if self.learning_rate <= 0 or self.weight_decay < 0:
            raise ValueError(
                "learning_rate should be positive and weight_decay not negative,"
                f" got {self.learning_rate} and {self.weight_decay}."
            )
        if self.optimiser not in ("sgd", "adamw"):
            raise ValueError(f"optimiser should be sgd or adamw, got {self.optimiser!r}.")
        if not set(self.augment) <= set(AUGMENTATIONS):
            raise ValueError(
                f"augment should list some of {', '.join(AUGMENTATIONS)}, got {', '.join(self.augment)}."
            )
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience should be 1 epoch or more, got {self.patience}.")


@dataclass(frozen=True, eq=False)
class Examples:
    """Images with their classes."""

    x: Float[Tensor, "n channels height width"]
    y: Int64[Tensor, " n"]


def divide(data: ImageData, validation: float, seed: int) -> dict[str, Examples]:
    """Hold a validation part out of the training part.

    Args:
        data: The images.
        validation: Share of the training part held out.
        seed: Seed of the division.

    Returns:
        The parts `train`, `valid` and `test`.

    Raises:
        ValueError: If a part would be empty.
    """
    kept, held_out = (torch.from_numpy(part) for part in split(data.train_y.numpy(), validation, seed))
    return {
        "train": Examples(data.train_x[kept], data.train_y[kept]),
        "valid": Examples(data.train_x[held_out], data.train_y[held_out]),
        "test": Examples(data.test_x, data.test_y),
    }


def find_devices(device: str) -> list[str]:
    """Find what to train on.

    Args:
        device: `auto` for all GPUs if there are any, `cpu`, `cuda` for all GPUs, or one, `cuda:1`.

    Returns:
        Names of devices, as PyTorch has them.

    Raises:
        ValueError: If there is no such device.
    """
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if device in ("auto", "cpu"):
        return gpus if gpus and device == "auto" else ["cpu"]
    if device == "cuda" and gpus:
        return gpus
    if device in gpus:
        return [device]
    raise ValueError(
        f"device should be auto, cpu{', cuda' if gpus else ''}{''.join(f', {gpu}' for gpu in gpus)}"
        f"{'' if gpus else ' (PyTorch finds no GPU here)'}; got {device!r}."
    )


def train_and_test(
    space: Space,
    architecture: Architecture,
    parts: Mapping[str, Examples],
    recipe: Recipe,
    seed: int,
    *,
    device: str = "cpu",
) -> tuple[float, float]:
    """Train one architecture from one seed.

    Runs on one thread and leaves the number of threads and the random state as they were, so that
    the result does not depend on what runs beside it.

    Args:
        space: Where the architecture is from.
        architecture: Which.
        parts: `train`, `valid` and `test`.
        recipe: How to train.
        seed: Seed of initial weights, order of images and their changes.
        device: Where to train. What is random is drawn on the CPU, so that a GPU's result differs by
            rounding only.

    Returns:
        Accuracy on the validation part and on the test part, fractions in [0, 1].

    Raises:
        ArithmeticError: If the loss stops being finite.
    """
    with _undisturbed(device):
        torch.manual_seed(seed)
        network = space.build(architecture).to(device)
        fit(network, parts["train"], recipe, parts["valid"])
        return accuracy(network, parts["valid"]), accuracy(network, parts["test"])


def fit(network: nn.Module, examples: Examples, recipe: Recipe, valid: Examples | None = None) -> None:
    """Train a network in place, with the global random state.

    Args:
        network: From images to logits, on the device to train on.
        examples: What to train on.
        recipe: How.
        valid: What to measure progress on where the recipe has patience.

    Raises:
        ValueError: If the examples do not fill one mini-batch.
        ArithmeticError: If the loss stops being finite.
    """
    steps = len(examples.x) // recipe.batch
    if not steps:
        raise ValueError(
            f"batch should be at most the {len(examples.x)} training images, got {recipe.batch}."
        )
    optimiser = _optimiser(network, recipe)
    best, best_epoch, kept = -1.0, 0, {}
    for epoch in range(recipe.epochs):
        _train_epoch(network, examples, recipe, optimiser, epoch)
        if recipe.patience is None or valid is None:
            continue
        reached = accuracy(network, valid)
        if reached > best:
            best, best_epoch = reached, epoch
            kept = {name: value.clone() for name, value in network.state_dict().items()}
        elif epoch - best_epoch >= recipe.patience:
            break
    if kept:
        network.load_state_dict(kept)


@torch.no_grad()
def accuracy(network: nn.Module, examples: Examples) -> float:
    """Share of the examples that a network classifies rightly, in evaluation mode.

    Args:
        network: From images to logits; left in evaluation mode.
        examples: What to classify.

    Returns:
        A fraction in [0, 1], higher is better.
    """
    network.eval()
    device = _device(network)
    right = 0
    for x, y in zip(torch.split(examples.x, 512), torch.split(examples.y, 512), strict=True):
        right += int((network(x.to(device)).argmax(1) == y.to(device)).sum())
    return right / len(examples.x)


def _train_epoch(
    network: nn.Module, examples: Examples, recipe: Recipe, optimiser: torch.optim.Optimizer, epoch: int
) -> None:
    network.train()
    device = _device(network)
    steps = len(examples.x) // recipe.batch
    order = torch.randperm(len(examples.x))
    for step in range(steps):
        progress = (epoch + step / steps) / recipe.epochs
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * (1 + math.cos(math.pi * progress)) / 2
        chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
        images = augment(examples.x[chosen].to(device), recipe.augment)
        loss = F.cross_entropy(network(images), examples.y[chosen].to(device))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    if not math.isfinite(loss.item()):
        raise ArithmeticError(f"the loss should stay finite, got {loss.item()} in epoch {epoch + 1}.")


def _optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    parameters = list(network.parameters())
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=True)
    return torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay, nesterov=True, fused=True)


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


@contextmanager
def _undisturbed(device: str) -> Iterator[None]:
    """Use one thread and repeatable kernels; leave threads and random states as they were."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gpus = [] if device == "cpu" else [device]
    try:
        with torch.random.fork_rng(gpus), torch.backends.cudnn.flags(deterministic=True, benchmark=False):
            yield
    finally:
        torch.set_num_threads(threads)
