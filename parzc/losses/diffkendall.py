"""A differentiable Kendall tau."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["DiffKendall"]


class DiffKendall:
    r"""One minus a smooth Kendall tau over all pairs of a batch.

    .. math:: 1 - \frac{1}{P} \sum_{i<j} \tanh(\alpha (s_i - s_j) / 2) \, \operatorname{sign}(y_i - y_j)

    over the :math:`P` pairs whose targets differ. Scores that spread further approach zero loss without
    a better order, so their scale has to be held by something else: weight decay, the prior, or the
    `anchor` of `parzc.learning.module`.

    Args:
        alpha: Steepness of the smooth sign of a score difference.
        soft_targets: Weigh a pair by :math:`\tanh(\alpha \Delta y / 2)` as the paper does, and not by
            the hard sign. Close pairs then count little, and the loss does not reach 0.

    Source:
        Dong et al., AAAI 2025 (DiffKendall). Deviations: a mean over pairs, so that the range is
        [0, 2]; hard sign of the target difference; tied targets are left out.
    """

    def __init__(self, *, alpha: float = 2.0, soft_targets: bool = False) -> None:
        if alpha <= 0:
            raise ValueError(f"alpha should be positive, got {alpha}.")
        self.alpha = alpha
        self.soft_targets = soft_targets

    def __call__(
        self, scores: Float[Tensor, "*members batch"], targets: Float[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        """Compare the order of scores with that of targets.

        Args:
            scores: Higher is better; leading axes are averaged over.
            targets: Accuracies on any scale.

        Returns:
            A number in [0, 2], 0 at perfect order with far spread scores; 0 with zero gradient if no
            two targets differ.
        """
        gap = targets[:, None] - targets[None, :]
        order = torch.tanh(self.alpha * gap / 2) if self.soft_targets else gap.sign()
        pairs = gap.count_nonzero()
        if pairs == 0:
            return (scores * 0).sum()
        smooth = torch.tanh(self.alpha * (scores[..., :, None] - scores[..., None, :]) / 2)
        return 1 - (smooth * order).sum((-1, -2)).mean() / pairs
