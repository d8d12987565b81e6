"""A folder of pictures, one sub-folder a class."""

from pathlib import Path

import numpy as np
from PIL import Image

from parzc.images import ImageData, prepare, split

__all__ = ["Folder"]

_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


class Folder:
    """Pictures sorted into one sub-folder per class; class 0 is the first in alphabetical order.

    Args:
        path: The folder.
        size: Height and width to which each picture is scaled.
        holdout: Share of each class in the test part.
        seed: Seed of that division.
    """

    def __init__(self, *, path: str, size: int = 32, holdout: float = 0.2, seed: int = 0) -> None:
        if size < 1:
            raise ValueError(f"size should be at least 1 pixel, got {size}.")
        self.path = Path(path)
        self.size = size
        self.holdout = holdout
        self.seed = seed

    def load(self) -> ImageData:
        """Read and scale the pictures.

        Returns:
            The data, in colour.

        Raises:
            FileNotFoundError: If there is no such folder.
            ValueError: If it has no pictures in sub-folders or one cannot be read.
        """
        if not self.path.is_dir():
            raise FileNotFoundError(f"there should be a folder of pictures at {self.path}, found none.")
        folders = sorted(folder for folder in self.path.iterdir() if folder.is_dir())
        files = [
            (file, label)
            for label, folder in enumerate(folders)
            for file in sorted(folder.rglob("*"))
            if file.suffix.lower() in _SUFFIXES
        ]
        if not files:
            raise ValueError(f"{self.path} should hold one sub-folder of pictures a class, found no picture.")
        images = np.stack([self._picture(file) for file, _ in files]).transpose(0, 3, 1, 2)
        labels = np.array([label for _, label in files])
        train, test = split(labels, self.holdout, self.seed)
        return prepare(images[train], labels[train], images[test], labels[test], classes=len(folders))

    def _picture(self, file: Path) -> np.ndarray:
        try:
            with Image.open(file) as picture:
                scaled = picture.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
        except OSError as error:
            raise ValueError(f"{file} should be a picture, and cannot be read as one: {error}.") from error
        return np.asarray(scaled)
