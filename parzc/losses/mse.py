"""Squared error on ranks."""

from jaxtyping import Float
from torch import Tensor

__all__ = ["MSE"]


class MSE:
    r"""Mean squared distance of scores from the standardised ranks of the targets.

    Ranks of a batch are spread evenly from -sqrt(3) to sqrt(3), which has unit variance; tied targets
    share their mean rank. Unlike the losses of order it fixes the scale of the scores.

    Args:
        ranks: Compare with ranks, else with the targets as they are.

    Source:
        Textbook.
    """

    def __init__(self, *, ranks: bool = True) -> None:
        self.ranks = ranks

    def __call__(
        self, scores: Float[Tensor, "*members batch"], targets: Float[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        """Compare scores with ranks of targets.

        Args:
            scores: Higher is better; leading axes are averaged over.
            targets: Accuracies on any scale.

        Returns:
            A non-negative number, 0 if the scores are the ranks; 0 with zero gradient if ranks are
            asked for and no two targets differ.
        """
        if not self.ranks:
            return (scores - targets).square().mean()
        below = (targets[:, None] > targets[None, :]).sum(1)
        above = (targets[:, None] < targets[None, :]).sum(1)
        place = (below - above).to(scores.dtype)
        if not bool((place != 0).any()):
            return (scores * 0).sum()
        return (scores - place * (3**0.5 / len(targets))).square().mean()
