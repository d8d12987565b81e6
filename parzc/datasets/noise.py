"""Gaussian noise in place of images."""

from collections.abc import Sequence

import numpy as np

from parzc.images import ImageData, prepare

__all__ = ["Noise"]


class Noise:
    """Independent Gaussian pixels with random classes: data for proxies that need none.

    Args:
        shape: Channels, height and width of an image.
        classes: How many classes there are.
        images: Images in the training part; the test part has a quarter as many.
        seed: Seed of pixels and classes.
    """

    def __init__(
        self, *, shape: Sequence[int] = (3, 32, 32), classes: int = 10, images: int = 256, seed: int = 0
    ) -> None:
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"shape should be channels, height and width, got {list(shape)}.")
        if classes < 1 or images < 4:
            raise ValueError(f"there should be 1 class and 4 images or more, got {classes} and {images}.")
        self.shape = tuple(shape)
        self.classes = classes
        self.images = images
        self.seed = seed

    def load(self) -> ImageData:
        """Draw the images.

        Returns:
            The data; the same seed gives the same.
        """
        random = np.random.default_rng(self.seed)
        pixels = random.standard_normal((self.images + self.images // 4, *self.shape))
        labels = random.integers(self.classes, size=len(pixels))
        cut = self.images
        return prepare(pixels[:cut], labels[:cut], pixels[cut:], labels[cut:], classes=self.classes)
