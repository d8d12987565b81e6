"""Aggregates: several proxies as one, in a population."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import nn

from parzc import plugins
from parzc.notation import read_call
from parzc.probing.extract import extract
from parzc.probing.passes import Batch
from parzc.probing.table import Table
from parzc.protocol import Proxy
from parzc.training_free import CHEAPEST, TrainingFreeProxy

__all__ = ["Aggregate", "AggregateProxy", "Aggregation", "ReferencedProxy", "aggregate", "open_named"]

Aggregation = Callable[..., Float[np.ndarray, " architectures"]]
"""From the members' scores of some architectures, and of the population to compare them with, to a score."""


class Aggregate:
    """A published choice of members and of the aggregation that makes one score of theirs.

    Args:
        aggregation: From the members' scores to one; gives its name and documentation.
        members: Names of training-free proxies.
    """

    __name__: str

    def __init__(self, aggregation: Aggregation, members: tuple[str, ...]) -> None:
        self.members = members
        self._aggregation = aggregation
        functools.update_wrapper(self, aggregation)

    def __call__(
        self,
        scores: Float[np.ndarray, "members architectures"],
        population: Float[np.ndarray, "members population"] | None = None,
    ) -> Float[np.ndarray, " architectures"]:
        """Aggregate the members' scores.

        Args:
            scores: One row a member, in their order; NaN where missing.
            population: Scores of the architectures to compare with; the given ones by default.

        Returns:
            The score; its meaning is that of the aggregation.
        """
        return self._aggregation(scores, population)


def aggregate(*members: str) -> Callable[[Aggregation], Aggregate]:
    """Declare an aggregation of certain proxies to be a proxy of its own.

    Args:
        members: Names of training-free proxies, in the order in which the aggregation gets their scores.

    Returns:
        A decorator.
    """
    return lambda aggregation: Aggregate(aggregation, members)


class AggregateProxy:
    """Several proxies as one, with the interface of `parzc.proxy.ParametricProxy`.

    A score depends on the other networks that are scored with it, so there is none for a network alone.

    Args:
        aggregation: From the members' scores to one.
        members: Proxies of any kind, aggregates too.

    Attributes:
        leaves: The proxies that are no aggregates, from left to right.
    """

    def __init__(self, aggregation: Aggregation, members: Sequence[Proxy]) -> None:
        self.aggregation = aggregation
        self.members = list(members)
        self.leaves: list[Proxy] = [leaf for member in members for leaf in _leaves(member)]

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Where the first learned member comes from; empty if there is none."""
        return next((leaf.metadata for leaf in self.leaves if leaf.metadata), {})

    @property
    def reads(self) -> tuple[str, ...]:
        """Statistics that the members read; none if all of them read sizes only."""
        needed = (
            leaf.reads if isinstance(leaf, TrainingFreeProxy) else leaf.statistics for leaf in self.leaves
        )
        return tuple(dict.fromkeys(name for names in needed for name in names))

    @property
    def statistics(self) -> tuple[str, ...]:
        """Statistics to extract."""
        return self.reads or CHEAPEST

    def __call__(self, network: nn.Module, batch: Batch, *, second_batch: Batch | None = None) -> float:
        """Refuse to score a network alone.

        Raises:
            ValueError: Always; the message says what to do.
        """
        raise ValueError(
            "an aggregate ranks networks among each other and has no score for one alone: give the tables of"
            " several to predict(tables), or those of a population to reference(tables), whose result scores"
            " one network."
        )

    def predict(
        self, tables: Sequence[Table]
    ) -> tuple[Float[np.ndarray, " tables"], Float[np.ndarray, " tables"]]:
        """Score tables among each other.

        Args:
            tables: The whole population, in any order.

        Returns:
            Scores, and 0 for their standard deviations.

        Raises:
            LookupError: If a table lacks a statistic.
        """
        return self.combine(self.measure(tables)), np.zeros(len(tables))

    def measure(self, tables: Sequence[Table]) -> Float[np.ndarray, "leaves tables"]:
        """Score tables with each of `leaves`, which needs no population.

        Args:
            tables: Any part of a population.

        Returns:
            Scores as the leaves give them, one row a leaf.

        Raises:
            LookupError: If a table lacks a statistic.
        """
        return np.stack([leaf.predict(tables)[0] for leaf in self.leaves])

    def combine(
        self,
        scores: Float[np.ndarray, "leaves architectures"],
        population: Float[np.ndarray, "leaves population"] | None = None,
    ) -> Float[np.ndarray, " architectures"]:
        """Make one score of those of `leaves`.

        Args:
            scores: What `measure` gave.
            population: What it gave for the networks to compare with; the given ones by default.

        Returns:
            The score; its meaning is that of the aggregation.
        """
        return self._combine(scores, scores if population is None else population)[0]

    def reference(self, tables: Sequence[Table], **reading: Any) -> "ReferencedProxy":
        """Fix the population, so that networks can be scored one by one.

        Args:
            tables: The population.
            reading: With what the tables were extracted, so that networks are read alike: `blocks`,
                `block_inputs`, `compat`.

        Returns:
            A proxy that ranks networks among that population; on its own tables it is this one.

        Raises:
            ValueError: If there is no table.
            LookupError: If a table lacks a statistic.
        """
        if not tables:
            raise ValueError("a reference population should have at least one table, got none.")
        return ReferencedProxy(self, self.measure(tables), reading)

    def _combine(
        self,
        scores: Float[np.ndarray, "leaves architectures"],
        population: Float[np.ndarray, "leaves population"],
    ) -> tuple[Float[np.ndarray, " architectures"], Float[np.ndarray, " population"]]:
        """Aggregate both the architectures and the population, inner aggregates first."""
        ours, theirs, first = [], [], 0
        for member in self.members:
            rows = slice(first, first + len(_leaves(member)))
            inner = scores[rows], population[rows]
            if isinstance(member, AggregateProxy):
                our, their = member._combine(*inner)
            else:
                our, their = inner[0][0], inner[1][0]
            ours.append(our)
            theirs.append(their)
            first = rows.stop
        among = np.stack(theirs)
        scored = self.aggregation(among, among)
        return (scored if scores is population else self.aggregation(np.stack(ours), among)), scored


class ReferencedProxy:
    """An aggregate that ranks among a population fixed before.

    Args:
        aggregated: The aggregate.
        population: What its `measure` gave for the population.
        reading: Keywords of `extract` that the population was read with.
    """

    def __init__(
        self,
        aggregated: AggregateProxy,
        population: Float[np.ndarray, "leaves population"],
        reading: Mapping[str, Any],
    ) -> None:
        self.aggregated = aggregated
        self.population = population
        self.reading = dict(reading)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """As that of the aggregate."""
        return self.aggregated.metadata

    @property
    def statistics(self) -> tuple[str, ...]:
        """Statistics to extract."""
        return self.aggregated.statistics

    def __call__(self, network: nn.Module, batch: Batch, *, second_batch: Batch | None = None) -> float:
        """Score a network.

        Args:
            network: From inputs to logits; left as it was.
            batch: Inputs and class labels, as for the population.
            second_batch: For statistics that compare two batches; without it they compare the halves of
                the only one.

        Returns:
            The score among the population; higher is better.

        Raises:
            RuntimeError: If the network fails while it runs.
        """
        table = extract(network, batch, self.statistics, second_batch=second_batch, **self.reading)
        return float(self.predict([table])[0][0])

    def predict(
        self, tables: Sequence[Table]
    ) -> tuple[Float[np.ndarray, " tables"], Float[np.ndarray, " tables"]]:
        """Score tables, each among the population and whatever the others are.

        Args:
            tables: The tables.

        Returns:
            Scores, and 0 for their standard deviations.

        Raises:
            LookupError: If a table lacks a statistic.
        """
        scores = self.aggregated.combine(self.aggregated.measure(tables), self.population)
        return scores, np.zeros(len(tables))


def open_named(spec: str, open_member: Callable[[str], Proxy] | None = None) -> Proxy:
    """Open a training-free proxy or an aggregate.

    Args:
        spec: A name, or an aggregation with its members: `vote(synflow,jacob_cov,snip)`.
        open_member: Opens the members; this function by default.

    Returns:
        The proxy.

    Raises:
        UnknownPluginError: If there is no proxy or aggregation of that name.
        ValueError: If the parentheses do not match.
    """
    member = open_member or open_named
    call = read_call(spec)
    if call is not None:
        return AggregateProxy(plugins.load("aggregations", call[0]), [member(name) for name in call[1]])
    found = plugins.load("proxies", spec)
    if isinstance(found, Aggregate):
        return AggregateProxy(found, [open_named(name) for name in found.members])
    return TrainingFreeProxy(found)


def _leaves(proxy: Proxy) -> list[Proxy]:
    return proxy.leaves if isinstance(proxy, AggregateProxy) else [proxy]
