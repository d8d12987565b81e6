"""Training data: tables with targets, split by architecture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from parzc.encoding import Encoding
from parzc.probing.table import Architecture, Table
from parzc.ranking import standard_ranks

__all__ = ["ArchitectureData", "Split", "split_architectures"]

_FEWEST_TO_STOP_BY = 4

Batch = tuple[Encoding, Float[Tensor, " batch"]]


@dataclass(frozen=True)
class Split:
    """Architectures by use.

    Attributes:
        fit: Weights are fitted to these.
        validation: Chosen from the budget to stop training by.
        held_out: Not part of the budget; for reporting only.
    """

    fit: list[Architecture]
    validation: list[Architecture]
    held_out: list[Architecture]

    @property
    def budget(self) -> list[Architecture]:
        """All architectures whose targets training may see."""
        return self.fit + self.validation


def split_architectures(
    architectures: Sequence[Architecture], budget: int, validation: float, seed: int
) -> Split:
    """Draw the architectures that training may see.

    A smaller budget is the start of a larger one with the same seed.

    Args:
        architectures: All with features and a target, in any order.
        budget: How many targets training may see.
        validation: Part of the budget to stop training by, in [0, 1); none if that is fewer than 4.
        seed: Seed of the draw.

    Returns:
        The split.

    Raises:
        ValueError: If the budget is below 2 or above the number of architectures, or `validation` is
            not in [0, 1).
    """
    if not 2 <= budget <= len(architectures):
        raise ValueError(
            f"budget should be from 2 to {len(architectures)}, the architectures with features and a target;"
            f" got {budget}."
        )
    if not 0 <= validation < 1:
        raise ValueError(f"validation should be in [0, 1), got {validation}.")
    order = np.random.default_rng(seed).permutation(len(architectures))
    drawn = [sorted(architectures)[index] for index in order]
    kept = round(validation * budget)
    kept = 0 if kept < _FEWEST_TO_STOP_BY or budget - kept < 2 else kept
    return Split(drawn[kept:budget], drawn[:kept], drawn[budget:])


class ArchitectureData(pl.LightningDataModule):
    """Encoded tables and the standardised ranks of their targets.

    Args:
        tables: Tables by architecture.
        targets: Accuracies by architecture.
        split: Which architectures are used for what; `held_out` is not read.
        encoding: The encoding, fitted to the tables of `split.fit` only.
        batch: Architectures in a step; `None` for an eighth of the fit part, so that an epoch has the same
            number of steps with any budget, but from 8 to 128.
        seed: Seed of the order within epochs.
    """

    def __init__(
        self,
        tables: Mapping[Architecture, Table],
        targets: Mapping[Architecture, float],
        split: Split,
        *,
        encoding: Any,
        batch: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        ranks = standard_ranks([targets[name] for name in split.budget])
        self.seed = seed
        self.batch = batch or min(128, max(8, round(len(split.fit) / 8)))
        count = len(split.fit)
        self._fit = _EncodedTables(encoding([tables[name] for name in split.fit]), ranks[:count])
        self._validation = (
            _EncodedTables(encoding([tables[name] for name in split.validation]), ranks[count:])
            if split.validation
            else None
        )

    @property
    def batches(self) -> int:
        """Steps in an epoch."""
        return -(-len(self._fit) // self._size)

    @property
    def _size(self) -> int:
        return -(-len(self._fit) // max(1, round(len(self._fit) / self.batch)))

    def train_dataloader(self) -> DataLoader[Batch]:
        """Serve the fit part in seeded random order.

        Returns:
            Batches of about equal size, so that few architectures are left for the last.
        """
        order = torch.Generator().manual_seed(self.seed)
        return DataLoader(self._fit, batch_size=self._size, shuffle=True, generator=order, collate_fn=_as_is)

    def val_dataloader(self) -> DataLoader[Batch] | list[Any]:
        """Serve the validation part as one batch.

        Returns:
            One batch, or none if there is no validation part.
        """
        if self._validation is None:
            return []
        return DataLoader(self._validation, batch_size=len(self._validation), collate_fn=_as_is)


class _EncodedTables(Dataset[Batch]):
    """Hands out whole batches, so that nothing is collated one by one."""

    def __init__(self, encoding: Encoding, targets: Float[np.ndarray, " tables"]) -> None:
        self.encoding = encoding
        self.targets = torch.from_numpy(targets.astype(np.float32))

    def __len__(self) -> int:
        return len(self.targets)

    def __getitems__(self, rows: list[int]) -> Batch:
        chosen = torch.tensor(rows)
        return self.encoding[chosen], self.targets[chosen]


def _as_is(batch: Any) -> Any:
    return batch
