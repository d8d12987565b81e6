"""Many tables as one: what reading thousands of networks at once needs."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, groupby
from operator import attrgetter
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from parzc.probing.table import NODE_SIZES, NodeInfo, Table

__all__ = ["Stack", "stack"]

_SIZES = {name: attrgetter(name) for name in NODE_SIZES}


@dataclass(frozen=True, eq=False)
class Stack(Sequence[Table]):
    """Tables, and their rows one below the other. Made by `stack`.

    Architectures of a space share most of their nodes. What is known of a node without any statistic is
    looked up once for each different one, and so is all that follows from it.

    Attributes:
        tables: The tables.
        nodes: Each different node once.
        which: For every row the place of its node in `nodes`.
        starts: The first row of every table, and the end of the last.
        different: What was looked up of `nodes`.
        kept: What was computed of the tables.
    """

    tables: Sequence[Table]
    nodes: Sequence[NodeInfo]
    which: Int[np.ndarray, " rows"]
    starts: Int[np.ndarray, " starts"]
    different: dict[Any, Any] = field(default_factory=dict)
    kept: dict[Any, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the tables."""
        return len(self.tables)

    def __getitem__(self, place: Any) -> Any:
        """Give a table, or the tables of a slice."""
        return self.tables[place]

    @property
    def owner(self) -> Int[np.ndarray, " rows"]:
        """The table of every row, ascending."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def cut(self, size: int) -> Iterator["Stack"]:
        """Cut into stacks of fewer tables, which share what is looked up of nodes.

        Args:
            size: Tables in each but the last.

        Yields:
            The stacks in order.
        """
        for first in range(0, len(self), size):
            starts = self.starts[first : first + size + 1]
            rows = self.which[starts[0] : starts[-1]]
            part = self.tables[first : first + size]
            yield Stack(part, self.nodes, rows, starts - starts[0], self.different)

    def each(self, read: Callable[[NodeInfo], Any]) -> Shaped[np.ndarray, " nodes"]:
        """Look something up of each different node.

        Args:
            read: From a node to a number; asked once, so it should be the same function every time.

        Returns:
            One value for each of `nodes`.
        """
        if read not in self.different:
            self.different[read] = np.array([read(node) for node in self.nodes])
        found: Shaped[np.ndarray, " nodes"] = self.different[read]
        return found

    def labels(self, read: Callable[[NodeInfo], str]) -> tuple[list[str], Int[np.ndarray, " nodes"]]:
        """Number the labels of the different nodes.

        Args:
            read: From a node to a label, as for `each`.

        Returns:
            Each label once, and for each of `nodes` the place of its own.
        """
        if read not in self.different:
            places: dict[str, int] = {}
            numbers = [places.setdefault(read(node), len(places)) for node in self.nodes]
            self.different[read] = list(places), np.array(numbers, dtype=np.int64)
        found: tuple[list[str], Int[np.ndarray, " nodes"]] = self.different[read]
        return found

    def size(self, name: str) -> Float[np.ndarray, " nodes"]:
        """Read a number of `NodeInfo` of each different node.

        Args:
            name: Such as `flops`.

        Returns:
            One value for each of `nodes`.
        """
        return self.each(_SIZES[name]).astype(float)

    def total(self, read: Callable[[NodeInfo], float]) -> Float[np.ndarray, " tables"]:
        """Sum over the nodes of each table.

        Args:
            read: From a node to a number, as for `each`.

        Returns:
            One sum a table.
        """
        numbers = self.each(read).astype(float)[self.which]
        return np.bincount(self.owner, weights=numbers, minlength=len(self))

    def statistics(self, names: Sequence[str]) -> Float[np.ndarray, "rows names"]:
        """Read statistics of every row.

        Args:
            names: The statistics.

        Returns:
            A column each, NaN where missing.

        Raises:
            LookupError: If a table lacks a statistic.
        """
        parts = [np.zeros((0, len(names)))]
        for _, group in groupby(self.tables, attrgetter("statistics")):
            alike = list(group)
            places = [_place(alike[0], name) for name in names]
            parts.append(np.concatenate([table.values for table in alike]).take(places, axis=1))
        return parts[1] if len(parts) == 2 else np.concatenate(parts)

    def keep(self, key: Any, make: Callable[[], Any]) -> Any:
        """Compute something of the tables, or give what was computed before.

        Args:
            key: What it is.
            make: Computes it.

        Returns:
            What `make` gave.
        """
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]


def stack(tables: Sequence[Table]) -> Stack:
    """Put tables one below the other.

    Args:
        tables: The tables; a stack stays as it is.

    Returns:
        The stack.
    """
    if isinstance(tables, Stack):
        return tables
    rows = list(chain.from_iterable(table.nodes for table in tables))
    # nodes of a store are shared, so that identity does; comparing them would take far longer
    places: dict[int, int] = defaultdict(count().__next__)
    which = np.fromiter(map(places.__getitem__, map(id, rows)), np.int64, len(rows))
    row_of = np.empty(len(places), dtype=np.int64)
    row_of[which] = np.arange(len(rows))
    starts = np.cumsum([0, *(len(table.nodes) for table in tables)])
    return Stack(list(tables), [rows[row] for row in row_of], which, starts)


def _place(table: Table, statistic: str) -> int:
    if statistic not in table.statistics:
        table.column(statistic)  # says what there is
    return table.statistics.index(statistic)
