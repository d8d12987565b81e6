"""Images and labels in a NumPy archive."""

import zipfile
from pathlib import Path

import numpy as np

from parzc.images import ImageData, channels_first, prepare, split

__all__ = ["Npz"]


class Npz:
    """An archive with the arrays `x_train`, `y_train` and, if there is a test part, `x_test`, `y_test`.

    Images are n×h×w×channels, n×channels×h×w or, if grey, n×h×w, in any unit; labels are whole
    numbers from 0. Pickled objects in the archive are never loaded.

    Args:
        path: The file.
        holdout: Share of the training images that becomes the test part if the archive has none.
        seed: Seed of that division.
    """

    def __init__(self, *, path: str, holdout: float = 0.2, seed: int = 0) -> None:
        self.path = Path(path)
        self.holdout = holdout
        self.seed = seed

    def load(self) -> ImageData:
        """Load the images.

        Returns:
            The data.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is no archive or its arrays do not fit.
        """
        arrays = self._read()
        train_x, train_y = self._part(arrays, "train")
        if "x_test" in arrays:
            test_x, test_y = self._part(arrays, "test")
        else:
            train, test = split(train_y, self.holdout, self.seed)
            test_x, test_y = train_x[test], train_y[test]
            train_x, train_y = train_x[train], train_y[train]
        if train_x.shape[1:] != test_x.shape[1:]:
            raise ValueError(
                f"training and test images in {self.path} should have one shape,"
                f" found {train_x.shape[1:]} and {test_x.shape[1:]}."
            )
        return prepare(train_x, train_y, test_x, test_y)

    def _read(self) -> dict[str, np.ndarray]:
        names = ("x_train", "y_train", "x_test", "y_test")
        try:
            archive = np.load(self.path, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("it holds a single array")
            with archive:
                return {name: archive[name] for name in names if name in archive}
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{self.path} should be a .npz archive of plain arrays: {error}.") from error

    def _part(self, arrays: dict[str, np.ndarray], part: str) -> tuple[np.ndarray, np.ndarray]:
        missing = [name for name in (f"x_{part}", f"y_{part}") if name not in arrays]
        if missing:
            raise ValueError(
                f"{self.path} should hold {' and '.join(missing)}, found {', '.join(arrays) or 'neither'}."
            )
        images, labels = channels_first(arrays[f"x_{part}"]), arrays[f"y_{part}"]
        if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                f"`y_{part}` in {self.path} should be {len(images)} whole numbers,"
                f" got the shape {labels.shape} of {labels.dtype}."
            )
        return images, labels
