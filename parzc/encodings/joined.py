"""Several encodings of the same networks, for predictors whose members each read one of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from parzc import plugins
from parzc.encoding import Encoding
from parzc.probing.stack import stack
from parzc.probing.table import Table

__all__ = ["Joined"]

_NODES = {"name": "aligned", "totals": False}


class Joined(nn.Module):
    """The positions of one encoding after those of another.

    Channels that only a wider member has are zero at the positions of the others. `layout` says which
    positions and channels are whose.

    Args:
        members: Names of encodings, or names and options; by default nodes that are matched by name, and
            the network as a whole by ranks.
    """

    def __init__(self, *, members: Sequence[str | Mapping[str, Any]] = (_NODES, "ranked")) -> None:
        super().__init__()
        self.members = nn.ModuleList(plugins.build("encodings", member) for member in members)
        if not len(self.members):
            raise ValueError("members should name at least one encoding, got none.")
        self._names = [member if isinstance(member, str) else str(member["name"]) for member in members]

    @property
    def layout(self) -> list[tuple[int, int]]:
        """Positions and channels of each member."""
        return [(member.length, member.channels) for member in self._each()]

    @property
    def length(self) -> int:
        """Positions."""
        return sum(length for length, _ in self.layout)

    @property
    def channels(self) -> int:
        """Features at a position."""
        return max(channels for _, channels in self.layout)

    @property
    def labels(self) -> list[str]:
        """Names of the features, with a bar between what different members have in the same channel."""
        of_each = [member.labels for member in self._each()]
        return [" | ".join(dict.fromkeys(part)) for part in _columns(of_each)]

    def places(self) -> list[tuple[str, float]]:
        """Name the positions, with their relative depth; each member's network as a whole has none."""
        every = [(index, *place) for index, member in enumerate(self._each()) for place in member.places()]
        names = [name for _, name, _ in every]
        return [
            (name if names.count(name) == 1 else f"{name}.{index}", depth) for index, name, depth in every
        ]

    @property
    def statistics(self) -> list[str]:
        """Statistics that a table needs to be encoded."""
        return list(dict.fromkeys(name for member in self._each() for name in member.statistics))

    def configuration(self) -> dict[str, Any]:
        """Say how to build this encoding again, before its state is loaded.

        Returns:
            Arguments of the constructor, plain values.
        """
        named = zip(self._names, self._each(), strict=True)
        return {"members": [{"name": name, **member.configuration()} for name, member in named]}

    def fit(self, tables: Sequence[Table]) -> None:
        """Fit each member.

        Args:
            tables: Training tables only.

        Raises:
            ValueError: If there is no table.
            LookupError: If the tables do not have a feature.
        """
        for member in self._each():
            member.fit(tables)

    def adapt(self, tables: Sequence[Table]) -> None:
        """Take scale and population from other tables, without targets.

        Args:
            tables: Such as those of another space, or also those without a target.

        Raises:
            ValueError: If there is no table, or a member was never fitted.
            LookupError: If the tables do not have a feature.
        """
        for member in self._each():
            member.adapt(tables)

    def forward(self, tables: Sequence[Table]) -> Encoding:
        """Encode tables.

        Args:
            tables: Tables that suit every member.

        Returns:
            The positions of all members.

        Raises:
            ValueError: If a member was never fitted.
            LookupError: If a table lacks a statistic.
        """
        stacked = stack(tables)
        encoded = [member(stacked) for member in self._each()]
        channels = max(part.values.shape[2] for part in encoded)
        values = [F.pad(part.values, (0, channels - part.values.shape[2])) for part in encoded]
        return Encoding(torch.cat(values, dim=1), torch.cat([part.mask for part in encoded], dim=1))

    def _each(self) -> list[Any]:
        return list(self.members)


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    longest = max(len(row) for row in rows)
    return [[row[place] for row in rows if place < len(row)] for place in range(longest)]
