"""The scale on which features of very different size are comparable."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["SignedLogScale"]

_SMALLEST = 1e-30
_CLIP = 10.0


class SignedLogScale(nn.Module):
    r"""Signed logarithm, then zero mean and unit variance on training nodes.

    A value becomes :math:`\operatorname{arsinh}(x / 2 f)`, which is :math:`\pm\log(|x| / f)` far
    above the floor :math:`f` and linear below it, so that zero stays zero. The floor of a feature is its
    smallest magnitude over the training nodes; of a feature with both signs it is the median
    magnitude, which keeps noise around zero from becoming two clusters. Works from 1e-12 to 1e60
    and beyond: the arithmetic is float64.

    Args:
        groups: Nodes are standardised apart in each group, such as a place in the network.
        channels: Number of features.
    """

    floor: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("floor", torch.ones(channels, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(groups, channels, dtype=torch.float64))
        self.register_buffer("deviation", torch.ones(groups, channels, dtype=torch.float64))

    def fit(self, values: Float[np.ndarray, "nodes channels"], group: Int[np.ndarray, " nodes"]) -> None:
        """Set floors, means and deviations from training nodes.

        A group with fewer than two values of a feature takes what holds for all nodes.

        Args:
            values: Features on their own scales, NaN where missing.
            group: The group of each node.
        """
        self.floor.copy_(torch.from_numpy(_floors(values)))
        logs = self._log(values)
        whole_mean, whole_deviation = _moments(logs, np.zeros(len(logs), dtype=np.int64), 1)[1:]
        count, mean, deviation = _moments(logs, group, len(self.mean))
        few = count < 2
        mean = np.where(few, whole_mean, mean)
        deviation = np.where(few, whole_deviation, deviation)
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(np.where(deviation > 1e-6, deviation, 1.0)))

    def forward(
        self, values: Float[np.ndarray, "nodes channels"], group: Int[np.ndarray, " nodes"]
    ) -> Float[Tensor, "nodes channels"]:
        """Put features on the scale of the training nodes.

        Args:
            values: Features on their own scales, NaN where missing.
            group: The group of each node.

        Returns:
            float32 within ±10; 0, the mean, where missing.
        """
        mean, deviation = self.mean.cpu().numpy(), self.deviation.cpu().numpy()
        scaled = (self._log(values) - mean[group]) / deviation[group]
        clipped = np.clip(np.nan_to_num(scaled, nan=0.0), -_CLIP, _CLIP)
        return torch.from_numpy(clipped.astype(np.float32))

    def _log(self, values: Float[np.ndarray, "nodes channels"]) -> Float[np.ndarray, "nodes channels"]:
        logs: Float[np.ndarray, "nodes channels"] = np.arcsinh(values / (2 * self.floor.cpu().numpy()))
        return logs


def _floors(values: Float[np.ndarray, "nodes channels"]) -> Float[np.ndarray, " channels"]:
    floors = np.ones(values.shape[1])
    for channel, column in enumerate(values.T):
        sizes = np.abs(column[np.isfinite(column) & (column != 0)])
        if len(sizes):
            both_signs = (column < 0).any() and (column > 0).any()
            floors[channel] = max(np.median(sizes) if both_signs else sizes.min(), _SMALLEST)
    return floors


def _moments(
    values: Float[np.ndarray, "nodes channels"], group: Int[np.ndarray, " nodes"], groups: int
) -> tuple[Float[np.ndarray, "groups channels"], ...]:
    present = np.isfinite(values)
    filled = np.where(present, values, 0.0)
    count, total = np.zeros((2, groups, values.shape[1]))
    np.add.at(count, group, present)
    np.add.at(total, group, filled)
    mean = total / np.maximum(count, 1)
    squares = np.zeros_like(total)
    np.add.at(squares, group, np.where(present, (filled - mean[group]) ** 2, 0.0))
    return count, mean, np.sqrt(squares / np.maximum(count, 1))
