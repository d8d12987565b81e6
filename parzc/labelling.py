"""Train networks to learn how accurate they become."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from parzc.images import ImageData, split
from parzc.probing.table import Architecture
from parzc.space import Space

__all__ = ["Examples", "Recipe", "accuracy", "divide", "fit", "train_and_test"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training part.
        batch: Images in a mini-batch; a smaller rest at the end of an epoch is left out.
        learning_rate: At the start; falls to 0 along half a cosine.
        optimiser: `sgd` (Nesterov momentum .9) or `adamw`.
        weight_decay: As the optimiser understands it.
    """

    epochs: int
    batch: int
    learning_rate: float
    optimiser: str = "sgd"
    weight_decay: float = 5e-4

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


def train_and_test(
    space: Space, architecture: Architecture, parts: dict[str, Examples], recipe: Recipe, seed: int
) -> tuple[float, float]:
    """Train one architecture from one seed.

    Runs on one thread and leaves the number of threads and the random state as they were, so that
    the result does not depend on what runs beside it.

    Args:
        space: Where the architecture is from.
        architecture: Which.
        parts: `train`, `valid` and `test`.
        recipe: How to train.
        seed: Seed of initial weights and order of images.

    Returns:
        Accuracy on the validation part and on the test part, fractions in [0, 1].

    Raises:
        ArithmeticError: If the loss stops being finite.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = space.build(architecture)
            fit(network, parts["train"], recipe)
            return accuracy(network, parts["valid"]), accuracy(network, parts["test"])
    finally:
        torch.set_num_threads(threads)


def fit(network: nn.Module, examples: Examples, recipe: Recipe) -> None:
    """Train a network in place, with the global random state.

    Args:
        network: From images to logits.
        examples: What to train on.
        recipe: How.

    Raises:
        ValueError: If the examples do not fill one mini-batch.
        ArithmeticError: If the loss stops being finite.
    """
    steps = len(examples.x) // recipe.batch
    if not steps:
        raise ValueError(
            f"batch should be at most the {len(examples.x)} training images, got {recipe.batch}."
        )
    parameters = list(network.parameters())
    optimiser: torch.optim.Optimizer
    if recipe.optimiser == "sgd":
        optimiser = torch.optim.SGD(
            parameters,
            recipe.learning_rate,
            momentum=0.9,
            weight_decay=recipe.weight_decay,
            nesterov=True,
            fused=True,
        )
    else:
        optimiser = torch.optim.AdamW(
            parameters, recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
    network.train()
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(examples.x))
        for step in range(steps):
            progress = (epoch + step / steps) / recipe.epochs
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * (1 + math.cos(math.pi * progress)) / 2
            chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
            loss = F.cross_entropy(network(examples.x[chosen]), examples.y[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        if not math.isfinite(loss.item()):
            raise ArithmeticError(f"the loss should stay finite, got {loss.item()} in epoch {epoch + 1}.")


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
    right = 0
    for x, y in zip(torch.split(examples.x, 512), torch.split(examples.y, 512), strict=True):
        right += int((network(x).argmax(1) == y).sum())
    return right / len(examples.x)
