"""What a training-free proxy is: a published formula from a table to a score."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int
from torch import nn

from parzc.probing.extract import extract
from parzc.probing.passes import Batch
from parzc.probing.stack import Stack, stack
from parzc.probing.table import NodeInfo, Table

__all__ = [
    "CHEAPEST",
    "Formula",
    "TrainingFreeProxy",
    "Together",
    "block_values",
    "blocks_together",
    "formula",
    "network_value",
    "node_sum",
    "or_last",
]

CHEAPEST = ("l2_norm",)
"""What to extract for a proxy that reads node sizes only: some statistic has to be asked for."""


Together = Callable[[Stack], Float[np.ndarray, " tables"]]
"""From many tables at once to their scores."""


class Formula:
    """A function from a table to a score that says which statistics it reads.

    Args:
        function: Table to score; takes over its name and documentation.
        statistics: The node statistics that have to be extracted for it.

    Attributes:
        many: The same for many tables at once, if there is a faster way than one by one.
    """

    __name__: str

    def __init__(self, function: Callable[[Table], float], statistics: tuple[str, ...]) -> None:
        self.statistics = statistics
        self.many: Together | None = None
        self._function = function
        functools.update_wrapper(self, function)

    def __call__(self, table: Table) -> float:
        """Score one network.

        Args:
            table: A table that has the columns `statistics`.

        Returns:
            The score; its meaning is that of the formula.

        Raises:
            LookupError: If the table lacks a statistic.
        """
        return self._function(table)

    def together(self, many: Together) -> Together:
        """Declare a faster way to the same scores; a decorator.

        Args:
            many: From many tables to the scores that this formula gives each.

        Returns:
            The function as it is.
        """
        self.many = many
        return many


class TrainingFreeProxy:
    """A training-free proxy with the interface of `parzc.proxy.ParametricProxy`.

    Args:
        formula: From a table to a score.
    """

    metadata: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, formula: Callable[[Table], float]) -> None:
        self.formula = formula

    @property
    def reads(self) -> tuple[str, ...]:
        """Statistics that the formula reads; none if it reads sizes only."""
        return tuple(getattr(self.formula, "statistics", ()))

    @property
    def statistics(self) -> tuple[str, ...]:
        """Statistics to extract."""
        return self.reads or CHEAPEST

    def __call__(self, network: nn.Module, batch: Batch, *, second_batch: Batch | None = None) -> float:
        """Score a network.

        Args:
            network: From inputs to logits; left as it was.
            batch: Inputs and class labels.
            second_batch: For statistics that compare two batches; without it they compare the halves of
                the only one.

        Returns:
            The score; its meaning is that of the formula.

        Raises:
            RuntimeError: If the network fails while it runs.
        """
        return self.formula(extract(network, batch, self.statistics, second_batch=second_batch))

    def predict(
        self, tables: Sequence[Table]
    ) -> tuple[Float[np.ndarray, " tables"], Float[np.ndarray, " tables"]]:
        """Score tables.

        Args:
            tables: Tables with the columns `statistics`.

        Returns:
            Scores, and 0 for their standard deviations.

        Raises:
            LookupError: If a table lacks a statistic.
        """
        source, many = stack(tables), getattr(self.formula, "many", None)

        def score() -> Float[np.ndarray, " tables"]:
            if many is None:
                return np.array([self.formula(table) for table in source.tables], dtype=float)
            scores: Float[np.ndarray, " tables"] = many(source)
            return scores

        return source.keep(self.formula, score).copy(), np.zeros(len(tables))


def formula(*statistics: str) -> Callable[[Callable[[Table], float]], Formula]:
    """Declare a function to be a training-free proxy.

    Args:
        statistics: The node statistics it reads; node sizes need not be named.

    Returns:
        A decorator.
    """
    return lambda function: Formula(function, statistics)


def block_values(table: Table, statistic: str) -> Float[np.ndarray, " blocks"]:
    """Read a statistic of the blocks.

    Args:
        table: The network's table.
        statistic: Name of a column.

    Returns:
        One value a feature tap in order of execution, NaN where missing.

    Raises:
        LookupError: If the table has no such column.
    """
    blocks = [row for row, node in enumerate(table.nodes) if node.kind == "block"]
    values: Float[np.ndarray, " blocks"] = table.column(statistic)[blocks]
    return values


def blocks_together(
    tables: Stack, statistic: str
) -> tuple[Float[np.ndarray, " blocks"], Int[np.ndarray, " blocks"]]:
    """Read a statistic of the blocks of many networks.

    Args:
        tables: The networks' tables.
        statistic: Name of a column.

    Returns:
        What `block_values` gives, one network after the other, and whose block each is.

    Raises:
        LookupError: If a table has no such column.
    """

    def read() -> tuple[Float[np.ndarray, " blocks"], Int[np.ndarray, " blocks"]]:
        rows = np.flatnonzero(tables.each(_is_block).astype(bool)[tables.which])
        return tables.statistics([statistic])[rows, 0], tables.owner[rows]

    found: tuple[Float[np.ndarray, " blocks"], Int[np.ndarray, " blocks"]]
    found = tables.keep(("blocks", statistic), read)
    return found


def or_last(
    scores: Float[np.ndarray, " tables"], count: Int[np.ndarray, " tables"]
) -> Float[np.ndarray, " tables"]:
    """Put networks last of which a block's value is missing.

    Args:
        scores: NaN where a value is missing.
        count: How many values there should be.

    Returns:
        Minus infinity where a value is missing, NaN where there should be none.
    """
    return np.where(count == 0, np.nan, np.where(np.isnan(scores), -np.inf, scores))


def network_value(table: Table, statistic: str) -> float:
    """Read a statistic of the network as a whole.

    Args:
        table: The network's table.
        statistic: Name of a statistic that is one number a network, such as `naswot`.

    Returns:
        The value in the statistic's unit; NaN if it was not finite.

    Raises:
        LookupError: If the table has no such value.
    """
    if statistic not in table.network:
        raise LookupError(
            f"the table has no value {statistic!r} of the network; it has {', '.join(table.network)}."
            " Extract that statistic too."
        )
    return float(table.network[statistic])


def node_sum(table: Table, statistic: str) -> float:
    """Sum a statistic over the nodes that have a weight, as zero-cost-nas does.

    Args:
        table: The network's table.
        statistic: Name of a column.

    Returns:
        The sum. 0 for a network without nodes. NaN if the value of a live node is missing, because
        it was not finite: a score without that node would look like that of a smaller network.

    Raises:
        LookupError: If the table has no such column.
    """
    column = table.column(statistic)
    weighted = np.array([node.weights > 0 and node.alive for node in table.nodes], dtype=bool)
    return float("nan") if np.isnan(column[weighted]).any() else table.total(statistic)


def _is_block(node: NodeInfo) -> bool:
    return node.kind == "block"
