"""Labelled images in memory, the form in which every data source hands them over."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, Integer, Shaped
from torch import Tensor

__all__ = ["ImageData", "channels_first", "prepare", "split"]


@dataclass(frozen=True, eq=False)
class ImageData:
    """A training part and a test part of one data source, standardised.

    Attributes:
        train_x: Images of the training part; mean 0 and standard deviation 1 in every channel.
        train_y: Their classes, from 0.
        test_x: Images of the test part, standardised with the numbers of the training part.
        test_y: Their classes.
        classes: How many classes there are.
    """

    train_x: Float[Tensor, "train channels height width"]
    train_y: Int64[Tensor, " train"]
    test_x: Float[Tensor, "test channels height width"]
    test_y: Int64[Tensor, " test"]
    classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        _, channels, height, width = self.train_x.shape
        return channels, height, width

    def batch(
        self, size: int, seed: int
    ) -> tuple[Float[Tensor, "size channels height width"], Int64[Tensor, " size"]]:
        """Draw a mini-batch of the training part, without repetition.

        Args:
            size: How many images.
            seed: The same seed gives the same batch, whatever the global random state.

        Returns:
            The images and their classes.

        Raises:
            ValueError: If the training part holds fewer images.
        """
        if not 1 <= size <= len(self.train_x):
            raise ValueError(
                f"a batch should hold 1 to {len(self.train_x)} training images, asked for {size}."
            )
        chosen = torch.randperm(len(self.train_x), generator=torch.Generator().manual_seed(seed))[:size]
        return self.train_x[chosen], self.train_y[chosen]


def prepare(
    train_x: Shaped[np.ndarray, "train channels height width"],
    train_y: Integer[np.ndarray, " train"],
    test_x: Shaped[np.ndarray, "test channels height width"],
    test_y: Integer[np.ndarray, " test"],
    classes: int | None = None,
) -> ImageData:
    """Standardise raw images with the training part's mean and deviation of each channel.

    Args:
        train_x: Raw images, in any unit.
        train_y: Their classes, from 0.
        test_x: Raw images in the same unit.
        test_y: Their classes.
        classes: How many classes there are; by default the largest one seen, plus 1.

    Returns:
        The data, in single precision. A channel that is constant in the training part becomes 0.

    Raises:
        ValueError: If a part has no images or a class lies outside the range.
    """
    if not len(train_x) or not len(test_x):
        raise ValueError(
            f"both parts should hold images, got {len(train_x)} for training, {len(test_x)} for test."
        )
    labels = np.concatenate([train_y, test_y])
    count = int(labels.max()) + 1 if classes is None else classes
    if labels.min() < 0 or labels.max() >= count:
        raise ValueError(f"classes should be 0 to {count - 1}, found {labels.min()} to {labels.max()}.")
    mean = train_x.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    deviation = train_x.std(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    deviation[deviation == 0] = 1

    def standardise(images: np.ndarray) -> Tensor:
        return torch.from_numpy(((images - mean) / deviation).astype(np.float32))

    def whole_numbers(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values.astype(np.int64))

    return ImageData(
        standardise(train_x), whole_numbers(train_y), standardise(test_x), whole_numbers(test_y), count
    )


def channels_first(images: np.ndarray) -> Shaped[np.ndarray, "n channels height width"]:
    """Bring a stack of images into the order that PyTorch expects.

    Args:
        images: Grey images (three axes), or images whose last or second axis holds 1, 3 or 4
            channels; the last axis is preferred where both would do.

    Returns:
        The images, channels on the second axis.

    Raises:
        ValueError: If the array is neither.
    """
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[-1] in (1, 3, 4):
        return images.transpose(0, 3, 1, 2)
    if images.ndim == 4 and images.shape[1] in (1, 3, 4):
        return images
    raise ValueError(
        "images should have the axes n x h x w, n x h x w x channels or n x channels x h x w with 1, 3 or 4"
        f" channels, got the shape {tuple(images.shape)}."
    )


def split(
    labels: Integer[np.ndarray, " n"], holdout: float, seed: int
) -> tuple[Int64[np.ndarray, " kept"], Int64[np.ndarray, " held_out"]]:
    """Divide examples in two, with the same mixture of classes in both parts.

    Args:
        labels: Class of each example.
        holdout: Share of each class that goes to the second part, rounded to whole examples.
        seed: The same seed gives the same division.

    Returns:
        Indices of the part that is kept and of the part held out, both shuffled.

    Raises:
        ValueError: If `holdout` is not between 0 and 1, or leaves a part empty.
    """
    if not 0 < holdout < 1:
        raise ValueError(f"the share held out should lie between 0 and 1, got {holdout}.")
    random = np.random.default_rng(seed)
    kept, held_out = [], []
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        cut = round(len(members) * holdout)
        held_out.append(members[:cut])
        kept.append(members[cut:])
    parts = random.permutation(np.concatenate(kept)), random.permutation(np.concatenate(held_out))
    if not len(parts[0]) or not len(parts[1]):
        raise ValueError(
            f"holding out {holdout} of {len(labels)} examples leaves a part empty; give more images."
        )
    return parts
