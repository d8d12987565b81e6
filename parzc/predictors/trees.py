"""Extremely randomised regression trees, kept as tensors."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from sklearn.ensemble import ExtraTreesRegressor
from torch import Tensor, nn

from parzc.encoding import Encoding
from parzc.ranking import normal_scores

__all__ = ["Trees"]

_STATE = {
    "feature": torch.int16,
    "threshold": torch.float32,
    "branches": torch.int32,
    "value": torch.float32,
}


class Trees(nn.Module):
    """The mean of trees that split at random thresholds of the features that matter.

    Targets grow the trees in one go, without gradients, as normal scores of their ranks. What scale a
    feature has changes little, and features that say nothing cost little, so they are good for many features
    of the network as a whole, such as `paths`, and a hundred targets or more.

    Args:
        length: Positions of the encoding.
        channels: Features at a position.
        trees: How many.
        share: Part of the features that a split chooses from.
        leaf: Targets in a leaf at least; more make a smaller file.
        seed: Of the random splits.

    Source:
        Geurts, Ernst & Wehenkel, Machine Learning 2006, grown by scikit-learn; scored from tensors, so
        that a proxy file holds no object.
    """

    normal = True  # scores are normal quantiles of ranks

    feature: Tensor
    threshold: Tensor
    branches: Tensor
    value: Tensor

    def __init__(
        self,
        *,
        length: int,
        channels: int,
        trees: int = 200,
        share: float = 0.33,
        leaf: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._configuration = {
            "length": length,
            "channels": channels,
            "trees": trees,
            "share": share,
            "leaf": leaf,
            "seed": seed,
        }
        for name, dtype in _STATE.items():
            shape = (trees, 0, 2) if name == "branches" else (trees, 0)
            self.register_buffer(name, torch.zeros(shape, dtype=dtype))

    def configuration(self) -> dict[str, Any]:
        """Say how to build this predictor again.

        Returns:
            Arguments of the constructor, plain values.
        """
        return dict(self._configuration)

    def condition(self, encoding: Encoding, targets: Float[Tensor, " batch"]) -> None:
        """Grow trees from targets, in the place of those grown before.

        Args:
            encoding: Encoded tables.
            targets: Their targets, in any unit.
        """
        own = self._configuration
        forest = ExtraTreesRegressor(
            own["trees"], max_features=own["share"], min_samples_leaf=own["leaf"], random_state=own["seed"]
        )
        forest.fit(encoding.flat().numpy(), normal_scores(targets).numpy())
        grown = [tree.tree_ for tree in forest.estimators_]
        nodes = max(tree.node_count for tree in grown)
        self.feature = _stacked([tree.feature for tree in grown], nodes, torch.int16)
        self.threshold = _stacked([tree.threshold for tree in grown], nodes, torch.float32)
        sides = [np.stack([tree.children_left, tree.children_right], 1) for tree in grown]
        self.branches = _stacked(sides, nodes, torch.int32)
        self.value = _stacked([tree.value[:, 0, 0] for tree in grown], nodes, torch.float32)

    def forward(self, encoding: Encoding) -> Float[Tensor, "members batch"]:
        """Score tables.

        Args:
            encoding: Encoded tables.

        Returns:
            One row a tree, whose mean is the score: normal scores among the known targets, higher is
            better. Zero before there are any.
        """
        x = encoding.flat()
        if not self.value.shape[1]:
            return x.new_zeros(len(self.value), len(x))
        place = torch.zeros(len(self.value), len(x), dtype=torch.long)
        rows, trees = torch.arange(len(x))[None], torch.arange(len(self.value))[:, None]
        while True:
            feature = self.feature[trees, place].long()
            inner = feature >= 0
            if not inner.any():
                break
            right = x[rows, feature.clamp(min=0)] > self.threshold[trees, place]
            place = torch.where(inner, self.branches[trees, place, right.long()].long(), place)
        return self.value[trees, place]

    def sample(self, encoding: Encoding, draws: int) -> Float[Tensor, "samples batch"]:
        """Score tables with trees drawn at random.

        Args:
            encoding: Encoded tables.
            draws: How many.

        Returns:
            Scores whose spread is that of the trees.
        """
        drawn: Tensor = self(encoding)[torch.randint(len(self.value), (draws,))]
        return drawn

    def kl(self) -> Float[Tensor, ""]:
        """There is no prior: zero."""
        return torch.zeros(())

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """Take over the number of nodes before the nodes."""
        for name, dtype in _STATE.items():
            stored = state_dict.get(prefix + name)
            if isinstance(stored, Tensor) and len(stored) == len(getattr(self, name)):
                setattr(self, name, torch.zeros(stored.shape, dtype=dtype))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _stacked(parts: list[np.ndarray], nodes: int, dtype: torch.dtype) -> Tensor:
    """Put the nodes of trees side by side, with leaves after the end of the smaller ones."""
    result = np.full((len(parts), nodes, *parts[0].shape[1:]), -1, dtype=float)
    for row, part in zip(result, parts, strict=True):
        row[: len(part)] = part
    return torch.from_numpy(result).to(dtype)
