"""Images at another resolution, for what should be cheap."""

from dataclasses import replace

import torch.nn.functional as F

from parzc.images import ImageData

__all__ = ["resized"]


def resized(images: ImageData, resolution: int | None) -> ImageData:
    """Give images another height and width.

    Args:
        images: The data.
        resolution: Height and width; `None` for the data as they are.

    Returns:
        The data, interpolated without aliasing.

    Raises:
        ValueError: If the resolution is below 1.
    """
    if resolution is None:
        return images
    if resolution < 1:
        raise ValueError(f"resolution should be at least 1, got {resolution}.")
    size = (resolution, resolution)
    train, test = (
        F.interpolate(part, size, mode="bilinear", antialias=True) for part in (images.train_x, images.test_x)
    )
    return replace(images, train_x=train, test_x=test)
