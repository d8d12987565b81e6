"""Many tables as one: what reading thousands of networks at once needs."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, compress, count, groupby
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped

from parzc.probing.table import NODE_SIZES, NodeInfo, SharedNodes, Table

__all__ = ["Stack", "stack"]

_Result = TypeVar("_Result")

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

    def map(self, size: int, work: Callable[["Stack"], _Result]) -> list[_Result]:
        """Do something with stacks of fewer tables, in as many threads as torch may use.

        Each thread works alone: several threads on each small product would mostly wait for each other.

        Args:
            size: Tables in each stack but the last.
            work: What to do with a stack; it should run in several threads at once.

        Returns:
            The results in order.
        """
        threads = torch.get_num_threads()
        if threads == 1 or len(self) <= size:
            return list(map(work, self.cut(size)))
        torch.set_num_threads(1)  # which threads that start from here on inherit
        try:
            with ThreadPoolExecutor(threads) as pool:
                return list(pool.map(work, self.cut(size)))
        finally:
            torch.set_num_threads(threads)

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
    nodes = [table.nodes for table in tables]
    different, which = _share(nodes) if all(isinstance(each, SharedNodes) for each in nodes) else _find(nodes)
    starts = np.cumsum([0, *map(len, nodes)])
    return Stack(list(tables), different, which, starts)


def _share(nodes: Sequence[Any]) -> tuple[list[NodeInfo], Int[np.ndarray, " rows"]]:
    """Read off which of the different nodes are there, and which every row is."""
    pools = {id(each.different): each.different for each in nodes}
    firsts = dict(zip(pools, np.cumsum([0, *map(len, pools.values())]), strict=False))
    rows = [np.zeros(0, np.int64), *(each.which + firsts[id(each.different)] for each in nodes)]
    which = np.concatenate(rows)
    there = np.zeros(sum(map(len, pools.values())), dtype=bool)
    there[which] = True
    different = list(compress(chain.from_iterable(pools.values()), there))
    return different, (np.cumsum(there) - 1)[which]


def _find(nodes: Sequence[Sequence[NodeInfo]]) -> tuple[list[NodeInfo], Int[np.ndarray, " rows"]]:
    """Find the different nodes by identity; comparing them would take far longer."""
    rows = list(chain.from_iterable(nodes))
    places: dict[int, int] = defaultdict(count().__next__)
    which = np.fromiter(map(places.__getitem__, map(id, rows)), np.int64, len(rows))
    row_of = np.empty(len(places), dtype=np.int64)
    row_of[which] = np.arange(len(rows))
    return [rows[row] for row in row_of], which


def _place(table: Table, statistic: str) -> int:
    if statistic not in table.statistics:
        table.column(statistic)  # says what there is
    return table.statistics.index(statistic)
