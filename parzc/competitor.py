"""What competes in a leaderboard: anything that learns a ranking from a few accuracies."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from parzc.probing.table import Architecture, Table
from parzc.space import Space

__all__ = ["Candidates", "Chooser", "Competitor", "Forecast", "LookUp"]

Value = TypeVar("Value")

Forecast = tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]
"""Scores of all candidates, higher is better, and their standard deviations; 0 where there is none."""


LookUp = Callable[[Int[np.ndarray, " rows"]], Float[np.ndarray, " rows"]]
"""Tells the targets of candidates, as many of them as the budget allows."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """The architectures to rank, with all that is known of them but their accuracies.

    Attributes:
        architectures: In the benchmark's order.
        canonical: A notation of each that is equal where the function is.
        tables: The table of each architecture, one object where several share it; none if there is no
            feature store.
        space: Where they come from.
        columns: Numbers from elsewhere by name, such as published proxies, one an architecture.
    """

    architectures: Sequence[Architecture]
    canonical: Sequence[Architecture]
    tables: Mapping[Architecture, Table] = field(default_factory=dict)
    space: Space | None = None
    columns: Mapping[str, Float[np.ndarray, " n"]] = field(default_factory=dict)
    _kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        """Count the architectures."""
        return len(self.architectures)

    def keep(self, key: Any, make: Callable[[], Value]) -> Value:
        """Compute what depends on the candidates alone once for all competitors.

        Args:
            key: Says what it is, hashable.
            make: Computes it.

        Returns:
            What `make` gave the first time.
        """
        if key not in self._kept:
            self._kept[key] = make()
        value: Value = self._kept[key]
        return value

    def require_tables(self) -> Mapping[Architecture, Table]:
        """Give the tables.

        Raises:
            LookupError: If there are none.
        """
        if not self.tables:
            raise LookupError("this competitor reads node statistics: the track should have `features`.")
        return self.tables

    def by_table(
        self, measure: Callable[[Sequence[Table]], Iterable[Float[np.ndarray, " tables"]]]
    ) -> list[Float[np.ndarray, " n"]]:
        """Measure each table once, however many architectures have it.

        Args:
            measure: From tables to one or several numbers each.

        Returns:
            Those numbers for each architecture.

        Raises:
            LookupError: If there are no tables.
        """
        tables = self.require_tables()
        distinct = {id(table): table for table in tables.values()}
        place = {key: row for row, key in enumerate(distinct)}
        rows = np.array([place[id(tables[name])] for name in self.architectures], dtype=int)
        return [np.asarray(values)[rows] for values in measure(list(distinct.values()))]


@runtime_checkable
class Competitor(Protocol):
    """A way to rank candidates; the plug-ins are in `parzc/competitors`."""

    @property
    def fewest(self) -> int:
        """Accuracies that it needs at least; 0 for one that needs no training."""

    @property
    def most(self) -> float:
        """Accuracies that it can learn from at most, in reasonable time."""

    @property
    def normal(self) -> bool:
        """Whether it scores by normal quantiles of ranks, and not by standardised ranks."""

    def fit(
        self,
        candidates: Candidates,
        known: Int[np.ndarray, " budget"],
        targets: Float[np.ndarray, " budget"],
        *,
        seed: int,
    ) -> None:
        """Learn from the accuracies of the candidates in the rows `known`.

        The other candidates are there without accuracies, for whoever learns from unlabelled ones.
        """

    def predict(self, candidates: Candidates) -> Forecast:
        """Score all candidates, on the scale of the known targets' ranks where it has one."""


@runtime_checkable
class Chooser(Protocol):
    """A competitor that chooses for itself which accuracies it learns from."""

    def choose(
        self, candidates: Candidates, drawn: Int[np.ndarray, " budget"], look_up: LookUp, *, seed: int
    ) -> Int[np.ndarray, " budget"]:
        """Choose the rows that `fit` will be given, as many as were drawn at random for all others."""
