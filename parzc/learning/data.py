"""Training data: tables with targets, split by architecture."""

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
)

from parzc.encoding import Encoding
from parzc.probing.table import Architecture, Table
from parzc.ranking import standard_ranks

__all__ = ["ArchitectureData", "Split", "Task", "split_architectures"]

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


@dataclass(frozen=True)
class Task:
    """What there is to learn from one space.

    Attributes:
        tables: Tables by architecture.
        targets: Accuracies by architecture.
        split: Which architectures are used for what; `held_out` is not read.
    """

    tables: Mapping[Architecture, Table]
    targets: Mapping[Architecture, float]
    split: Split

    def fitted(self) -> list[Table]:
        """List the tables that weights are fitted to."""
        return [self.tables[name] for name in self.split.fit]

    def whole(self) -> "Task":
        """Fit the whole of the budget, with nothing left to stop by."""
        return replace(self, split=Split(self.split.budget, [], self.split.held_out))


class ArchitectureData(pl.LightningDataModule):
    """Encoded tables and the standardised ranks of their targets, within each space.

    Args:
        tasks: The spaces. Of several, each is encoded on a scale of its own, that of all its tables;
            a step takes architectures of one of them.
        encoding: The encoding, fitted to the tables to fit only.
        batch: Architectures in a step; `None` for an eighth of the fit part, so that an epoch has the same
            number of steps with any budget, but from 8 to 128.
        seed: Seed of the order within epochs.
    """

    def __init__(
        self, tasks: Sequence[Task], *, encoding: Any, batch: int | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        self.seed = seed
        self._fit: list[_EncodedTables] = []
        self._validation: list[_EncodedTables] = []
        for task in tasks:
            own = encoding
            if len(tasks) > 1:
                own = copy.deepcopy(encoding)
                own.adapt(list(task.tables.values()))
            self._fit.append(_EncodedTables(own, task, task.split.fit))
            if task.split.validation:
                self._validation.append(_EncodedTables(own, task, task.split.validation))
        self._sizes = [_batch_size(len(part), batch) for part in self._fit]

    @property
    def batches(self) -> int:
        """Steps in an epoch."""
        return sum(-(-len(part) // size) for part, size in zip(self._fit, self._sizes, strict=True))

    @property
    def known(self) -> Batch:
        """The fit part of the only space, whole."""
        (only,) = self._fit
        return only.encoding, only.targets

    def train_dataloader(self) -> DataLoader[Batch]:
        """Serve the fit part in seeded random order.

        Returns:
            Batches of about equal size, so that few architectures are left for the last; each of one
            space.
        """
        order = _Order([len(part) for part in self._fit], self._sizes, self.seed)
        return DataLoader(
            _Joined(self._fit), batch_sampler=order, generator=order.generator, collate_fn=_as_is
        )

    def val_dataloader(self) -> DataLoader[Batch] | list[Any]:
        """Serve the validation part, one batch a space.

        Returns:
            The batches, or none if there is no validation part.
        """
        if not self._validation:
            return []
        lengths = [len(part) for part in self._validation]
        order = _Order(lengths, lengths, None)
        return DataLoader(_Joined(self._validation), batch_sampler=order, collate_fn=_as_is)


def _batch_size(count: int, batch: int | None) -> int:
    wanted = batch or min(128, max(8, round(count / 8)))
    return -(-count // max(1, round(count / wanted)))


class _Order(Sampler[list[int]]):
    """Batches of rows, each of one part; in random order with a seed, else as they lie."""

    def __init__(self, lengths: Sequence[int], sizes: Sequence[int], seed: int | None) -> None:
        self.lengths, self.sizes = lengths, sizes
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __iter__(self) -> Iterator[list[int]]:
        if len(self.lengths) == 1:
            yield from self._part(0)
            return
        starts = itertools.accumulate(self.lengths, initial=0)
        parts = zip(starts, range(len(self.lengths)), strict=False)
        batches = [[first + row for row in rows] for first, part in parts for rows in self._part(part)]
        if self.generator is not None:
            batches = [batches[i] for i in torch.randperm(len(batches), generator=self.generator).tolist()]
        yield from batches

    def __len__(self) -> int:
        return sum(len(self._part(part)) for part in range(len(self.lengths)))

    def _part(self, part: int) -> BatchSampler:
        rows = range(self.lengths[part])
        random = None if self.generator is None else RandomSampler(rows, generator=self.generator)
        return BatchSampler(random or SequentialSampler(rows), self.sizes[part], drop_last=False)


class _EncodedTables:
    def __init__(self, encoding: Any, task: Task, names: Sequence[Architecture]) -> None:
        budget = task.split.budget
        of = dict(zip(budget, standard_ranks([task.targets[name] for name in budget]), strict=True))
        self.encoding: Encoding = encoding([task.tables[name] for name in names])
        self.targets = torch.tensor([of[name] for name in names], dtype=torch.float32)

    def __len__(self) -> int:
        return len(self.targets)


class _Joined(Dataset[Batch]):
    """Hands out whole batches, so that nothing is collated one by one."""

    def __init__(self, parts: Sequence[_EncodedTables]) -> None:
        values, masks = zip(*((part.encoding.values, part.encoding.mask) for part in parts), strict=True)
        self.encoding = Encoding(torch.cat(values), torch.cat(masks))
        self.targets = torch.cat([part.targets for part in parts])

    def __len__(self) -> int:
        return len(self.targets)

    def __getitems__(self, rows: list[int]) -> Batch:
        chosen = torch.tensor(rows)
        return self.encoding[chosen], self.targets[chosen]


def _as_is(batch: Any) -> Any:
    return batch
