"""The scale on which features of very different size are comparable."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["SignedLogScale", "group_sums"]

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
        scaled = self._log(values)
        scaled -= self.mean.cpu().numpy().take(group, axis=0)
        scaled /= self.deviation.cpu().numpy().take(group, axis=0)
        scaled[np.isnan(scaled)] = 0.0
        return torch.from_numpy(np.clip(scaled, -_CLIP, _CLIP, out=scaled).astype(np.float32))

    def _log(self, values: Float[np.ndarray, "nodes channels"]) -> Float[np.ndarray, "nodes channels"]:
        logs: Float[np.ndarray, "nodes channels"] = values / (2 * self.floor.cpu().numpy())
        np.arcsinh(logs, out=logs)
        return logs


def group_sums(
    values: Float[np.ndarray, "rows channels"], group: Int[np.ndarray, " rows"], groups: int
) -> Float[np.ndarray, "groups channels"]:
    """Sum rows of the same group.

    Args:
        values: Finite values.
        group: The group of each row.
        groups: How many there are.

    Returns:
        Sums in the order of the rows; 0 for a group without.
    """
    sums = torch.zeros(groups, values.shape[1], dtype=torch.float64)
    summed: Float[np.ndarray, "groups channels"]
    summed = sums.index_add_(0, torch.from_numpy(group), torch.from_numpy(values)).numpy()
    return summed


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
    count, total = group_sums(present.astype(float), group, groups), group_sums(filled, group, groups)
    mean = total / np.maximum(count, 1)
    squares = group_sums(np.where(present, (filled - mean[group]) ** 2, 0.0), group, groups)
    return count, mean, np.sqrt(squares / np.maximum(count, 1))
