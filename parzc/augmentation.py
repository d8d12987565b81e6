"""Change training images in ways that leave their class alone."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["AUGMENTATIONS", "augment"]

AUGMENTATIONS = ("flip", "crop")

_SHIFT = 8  # an image is shifted by up to this part of its side: 4 of 32 pixels, as is usual


def augment(
    images: Float[Tensor, "n channels height width"], kinds: Sequence[str]
) -> Float[Tensor, "n channels height width"]:
    """Change each image at random, with the global random state of the CPU.

    Args:
        images: Standardised images, on any device.
        kinds: `flip`: mirrored left to right or not; `crop`: shifted by up to an eighth of its sides,
            the mean colour coming in from outside.

    Returns:
        Images of the same shape.
    """
    if "flip" in kinds:
        mirrored = (torch.rand(len(images)) < 0.5).to(images.device)
        images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    return _shift(images) if "crop" in kinds else images


def _shift(images: Tensor) -> Tensor:
    count, _, height, width = images.shape
    down, right = -(-height // _SHIFT), -(-width // _SHIFT)
    padded = F.pad(images, (right, right, down, down))
    rows = torch.randint(2 * down + 1, (count, 1)) + torch.arange(height)
    columns = torch.randint(2 * right + 1, (count, 1)) + torch.arange(width)
    every = torch.arange(count)[:, None, None]
    return padded[every, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
