"""Logistic loss over pairs."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["Pairwise"]


class Pairwise:
    r"""How improbable the order of a batch is if scores are log-odds.

    .. math:: \frac{1}{P} \sum_{i<j} \log(1 + \exp(-\alpha (s_i - s_j) \operatorname{sign}(y_i - y_j)))

    over the :math:`P` pairs whose targets differ. Like every loss of order it rewards scores that
    spread; hold their scale with weight decay, the prior, or the `anchor` of `parzc.learning.module`.

    Args:
        alpha: Scale of a score difference.

    Source:
        Burges et al., ICML 2005 (RankNet), with hard targets.
    """

    def __init__(self, *, alpha: float = 2.0) -> None:
        if alpha <= 0:
            raise ValueError(f"alpha should be positive, got {alpha}.")
        self.alpha = alpha

    def __call__(
        self, scores: Float[Tensor, "*members batch"], targets: Float[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        """Compare the order of scores with that of targets.

        Args:
            scores: Higher is better; leading axes are averaged over.
            targets: Accuracies on any scale.

        Returns:
            Nats a pair: log 2 for equal scores, towards 0 at perfect order; 0 with zero gradient if
            no two targets differ.
        """
        order = (targets[:, None] - targets[None, :]).sign()
        pairs = order.count_nonzero()
        if pairs == 0:
            return (scores * 0).sum()
        gap = scores[..., :, None] - scores[..., None, :]
        surprise = F.softplus(-self.alpha * gap * order) * order.abs()
        return surprise.sum((-1, -2)).mean() / pairs
