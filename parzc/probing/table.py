"""The table: what the statistics say of each node of one network."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NewType

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

__all__ = ["NODE_SIZES", "Architecture", "NodeInfo", "SharedNodes", "Table", "column_name"]

Architecture = NewType("Architecture", str)


@dataclass(frozen=True)
class NodeInfo:
    """What is known of a node without any statistic.

    Attributes:
        name: The module's name in the network.
        kind: `conv`, `linear`, `pool` or `skip` for operations; `activation` and `block` where a
            statistic asked for them.
        alive: False where the node has no influence on the output: every gradient through it is
            exactly zero.
        weights: Elements of the weight; 0 for operations without one.
        flops: Multiply-accumulates for one input, without the bias.
        kernel: Elements of the kernel, 9 for 3×3; 1 for a linear layer, 0 for a skip.
        spatial: Positions of the output: height × width, or tokens.
        in_channels: Width of the input.
        out_channels: Width of the output.
        depth: Operations that ran before, from 0.
    """

    name: str
    kind: str
    alive: bool
    weights: int
    flops: int
    kernel: int
    spatial: int
    in_channels: int
    out_channels: int
    depth: int


NODE_SIZES = tuple(entry.name for entry in fields(NodeInfo) if entry.name not in {"name", "kind", "alive"})
"""The numbers of `NodeInfo`, which a table serves like statistics."""


class SharedNodes(tuple[NodeInfo, ...]):
    """Nodes of a table that say which they are of the different ones that many tables share.

    Attributes:
        different: The different nodes, the same array for all tables that share it.
        which: For every node of this table its place there.
    """

    different: Shaped[np.ndarray, " different"]
    which: Int[np.ndarray, " nodes"]

    @classmethod
    def choose(
        cls, different: Shaped[np.ndarray, " different"], which: Int[np.ndarray, " nodes"]
    ) -> "SharedNodes":
        """Choose a table's nodes.

        Args:
            different: See above.
            which: See above.

        Returns:
            The nodes.
        """
        made = cls(different[which])
        made.different, made.which = different, which
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the nodes of other tables out of a pickle."""
        return tuple, (tuple(self),)


def column_name(statistic: str) -> str:
    """Give the column of a statistic: its name, or the end of its dotted name.

    >>> column_name("my_lab.statistics:spread")
    'spread'
    """
    return statistic.rpartition(".")[2].rpartition(":")[2]


@dataclass(frozen=True, eq=False)
class Table:
    """Statistics of every node of one network; loses nothing that a proxy or an encoding needs.

    Attributes:
        nodes: The nodes in order of execution, then the blocks in theirs.
        statistics: Names of the columns.
        values: One row a node, one column a statistic; NaN where a value is missing, because the
            node has no weight or the result was not finite.
        network: Values of the network as a whole: `parameters`, `uncovered` (how many of them are in
            weights that no node has), `loss`, `original` (1 where the quirks of the originals were
            asked for) and the statistics that have no column.
        missing: Node and statistic of every value that was not finite; `network` for a node if it is
            a value of the network as a whole.
        uncovered: Names of parameters with two or more dimensions that no node has, such as those of
            `nn.MultiheadAttention`; a feature store keeps their number only.
    """

    nodes: tuple[NodeInfo, ...]
    statistics: tuple[str, ...]
    values: Float[np.ndarray, "nodes statistics"]
    network: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[tuple[str, str], ...] = ()
    uncovered: tuple[str, ...] = ()

    @property
    def alive(self) -> Bool[np.ndarray, " nodes"]:
        """Which nodes influence the output."""
        return np.array([node.alive for node in self.nodes], dtype=bool)

    def column(self, name: str) -> Float[np.ndarray, " nodes"]:
        """Read a statistic or a node size, node by node.

        Args:
            name: One of `statistics`, or a number of `NodeInfo` such as `flops`.

        Returns:
            One value a node in the statistic's unit, NaN where missing.

        Raises:
            LookupError: If the table has no such column.
        """
        if name in self.statistics:
            column: Float[np.ndarray, " nodes"] = self.values[:, self.statistics.index(name)]
            return column
        if name in NODE_SIZES:
            return np.array([getattr(node, name) for node in self.nodes], dtype=float)
        raise LookupError(
            f"the table has no column {name!r}; it has {', '.join((*self.statistics, *NODE_SIZES))}."
        )

    def total(self, name: str) -> float:
        """Sum a column over all nodes, as classical proxies do.

        Args:
            name: As for `column`.

        Returns:
            The sum of the values that are not missing; 0 if there are none.

        Raises:
            LookupError: If the table has no such column.
        """
        return float(np.nansum(self.column(name)))
