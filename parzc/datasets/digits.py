"""The handwritten digits that come with scikit-learn."""

import numpy as np
from sklearn.datasets import load_digits

from parzc.images import ImageData, prepare, split

__all__ = ["Digits"]


class Digits:
    """1,797 grey images of 8×8 pixels in ten classes; needs no download.

    Args:
        holdout: Share of the images in the test part.
        noise: Standard deviation of Gaussian noise added to the pixels (0 to 16), to make the
            task harder.
        seed: Seed of the division and of the noise.

    Source:
        Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI 1998; the copy of its
        test part in scikit-learn.
    """

    def __init__(self, *, holdout: float = 0.4, noise: float = 0.0, seed: int = 0) -> None:
        if noise < 0:
            raise ValueError(f"noise should not be negative, got {noise}.")
        self.holdout = holdout
        self.noise = noise
        self.seed = seed

    def load(self) -> ImageData:
        """Load the images.

        Returns:
            The data, 1×8×8.

        Raises:
            ValueError: If `holdout` leaves a part empty.
        """
        pixels, labels = load_digits(return_X_y=True)
        images = pixels.reshape(-1, 1, 8, 8)
        images = images + self.noise * np.random.default_rng(self.seed).standard_normal(images.shape)
        train, test = split(labels, self.holdout, self.seed)
        return prepare(images[train], labels[train], images[test], labels[test], classes=10)
