"""Random numbers that probes need: the same for every network."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

__all__ = ["rademacher", "standard_normal"]


def rademacher(index: int, shape: Sequence[int], like: Tensor) -> Tensor:
    """Draw signs, each +1 or −1 with probability one half.

    Args:
        index: Another index gives other signs.
        shape: Of the result.
        like: Precision and device of the result.

    Returns:
        The signs.
    """
    count = int(np.prod(shape))
    # one bit a sign is faster than an integer each
    bits = np.frombuffer(np.random.default_rng([index, count]).bytes(count // 8 + 1), dtype=np.uint8)
    signs = torch.from_numpy(np.unpackbits(bits, count=count).reshape(tuple(shape)))
    return signs.to(like.device, like.dtype).mul_(2).sub_(1)


def standard_normal(shape: Sequence[int], like: Tensor) -> Tensor:
    """Draw Gaussian noise of mean 0 and variance 1.

    Args:
        shape: Of the result.
        like: Precision and device of the result.

    Returns:
        The noise.
    """
    generator = torch.Generator().manual_seed(0)
    return torch.randn(tuple(shape), generator=generator).to(like.device, like.dtype)
