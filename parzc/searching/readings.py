"""Proxies as functions from architectures to scores, each network read once."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from parzc.aggregate import AggregateProxy
from parzc.journal import Journal
from parzc.probing.parallel import CHUNK, extract_all
from parzc.probing.passes import Batch
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.protocol import Proxy
from parzc.proxy import ParametricProxy
from parzc.searching.candidates import Read
from parzc.space import Space

__all__ = ["ProxyScores", "keep", "read_anew", "read_from"]

_TOGETHER = 256
"""Networks read before their tables are written."""

_DRAWS = 8
"""Of each member of a learned proxy."""


def read_from(store: FeatureStore, space: Space) -> Read:
    """Read architectures from a feature store.

    Args:
        store: The store, of this space.
        space: Knows which architectures compute the same: one table serves them all.

    Returns:
        Gives the tables that the store has, with all their statistics.
    """
    tables = {space.canonical(name): table for name, table in store.tables().items()}

    def read(architectures: Sequence[Architecture], _: Sequence[str]) -> dict[Architecture, Table]:
        keys = {name: space.canonical(name) for name in architectures}
        return {name: tables[key] for name, key in keys.items() if key in tables}

    return read


def read_anew(space: Space, batch: Batch, *, seed: int, jobs: int, **reading: Any) -> Read:
    """Read architectures by building their networks.

    Args:
        space: Builds them.
        batch: Inputs and class labels.
        seed: Of the initial weights.
        jobs: Processes; few networks are read in this one.
        reading: Further keywords of `extract_all`.

    Returns:
        Gives a table of each network that does not die, and names those that do on standard error.
    """

    def read(architectures: Sequence[Architecture], statistics: Sequence[str]) -> dict[Architecture, Table]:
        count = 1 if len(architectures) <= CHUNK else jobs
        groups = extract_all(space, architectures, batch, statistics, seed=seed, jobs=count, **reading)
        tables: dict[Architecture, Table] = {}
        few = len(architectures) <= CHUNK
        with tqdm(desc="read", total=len(architectures), unit="network", delay=2, disable=few) as bar:
            for group in groups:
                for name, result in group:
                    if isinstance(result, Table):
                        tables[name] = result
                    else:
                        print(f"failed: {name}: {result.reason}", file=sys.stderr)
                bar.update(len(group))
        return {name: tables[name] for name in architectures if name in tables}

    return read


def keep(read: Read, folder: Path, settings: Mapping[str, Any]) -> Read:
    """Keep what is read in feature stores, so that a search that is resumed reads nothing again.

    Args:
        read: Reads what is not there.
        folder: Where the stores are, one for each choice of statistics.
        settings: What the tables depend on.

    Returns:
        Reads from the stores, or anew.
    """
    known: dict[tuple[str, ...], dict[Architecture, Table]] = {}

    def kept(architectures: Sequence[Architecture], statistics: Sequence[str]) -> dict[Architecture, Table]:
        names = tuple(sorted(statistics))
        store = FeatureStore.create(
            folder / hashlib.sha256(",".join(names).encode()).hexdigest()[:8],
            {**settings, "statistics": names},
        )
        tables = known.setdefault(names, store.tables())
        new = [name for name in dict.fromkeys(architectures) if name not in tables]
        for start in range(0, len(new), _TOGETHER):
            found = read(new[start : start + _TOGETHER], names)
            with store.lock():
                store.add(found.items())
            tables |= found
        return {name: tables[name] for name in architectures if name in tables}

    return kept


class ProxyScores:
    """A proxy as a function from architectures to scores.

    An aggregate ranks among all architectures that it has been asked for so far.

    Args:
        proxy: The proxy.
        read: Where its tables come from.
        journal: Keeps what was scored, so that a search that is resumed scores nothing again.
    """

    def __init__(self, proxy: Proxy, read: Read, journal: Journal | None = None) -> None:
        self.proxy = proxy
        self._read = read
        self._rows = len(proxy.leaves) if isinstance(proxy, AggregateProxy) else 1
        self._journal = journal
        found = {} if journal is None else journal.results
        self._kept = {name: np.array(result["scores"], dtype=float) for name, result in found.items()}
        self._known: dict[Architecture, Float[np.ndarray, " leaves"]] = {}

    def __call__(self, architectures: Sequence[Architecture]) -> Float[np.ndarray, " architectures"]:
        """Score architectures.

        Args:
            architectures: Which.

        Returns:
            Higher is better; NaN for those that cannot be read.

        Raises:
            LookupError: If the tables lack a statistic.
        """
        measured = self.measure(architectures)
        if isinstance(self.proxy, AggregateProxy):
            return self.proxy.combine(measured, np.stack(list(self._known.values()), axis=1))
        scores: Float[np.ndarray, " architectures"] = measured[0]
        return scores

    def measure(self, architectures: Sequence[Architecture]) -> Float[np.ndarray, "leaves architectures"]:
        """Do what needs no population.

        Args:
            architectures: Which.

        Returns:
            Scores by each member of an aggregate that is none itself, else by the proxy alone; NaN for
            architectures that cannot be read.

        Raises:
            LookupError: If the tables lack a statistic.
        """
        asked = [name for name in dict.fromkeys(architectures) if name not in self._known]
        if new := [name for name in asked if name not in self._kept]:
            tables = self._read(new, self.proxy.statistics)
            known = dict(zip(tables, self._leaves(list(tables.values())).T, strict=True))
            for name in new:
                self._kept[name] = known.get(name, np.full(self._rows, np.nan))
                if self._journal is not None:
                    self._journal.add(name, {"scores": self._kept[name].tolist()})
        # What an earlier run kept joins the population only now, so that a resumed search ranks alike.
        self._known |= {name: self._kept[name] for name in asked}
        rows = [self._known[name] for name in architectures]
        return np.stack(rows, axis=1) if rows else np.empty((self._rows, 0))

    def draws(self, architectures: Sequence[Architecture]) -> Float[np.ndarray, "architectures draws"] | None:
        """Draw scores from the posterior of a learned proxy.

        Args:
            architectures: Some that can be read.

        Returns:
            Draws in the unit of the scores, the same for every call; nothing if the proxy has no posterior.
        """
        if not isinstance(self.proxy, ParametricProxy) or not hasattr(self.proxy.predictor, "sample"):
            return None
        tables = self._read(architectures, self.proxy.statistics)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            encoding = self.proxy.encoding([tables[name] for name in architectures])
            drawn: Tensor = self.proxy.predictor.sample(encoding, _DRAWS)
        return drawn.double().numpy().T

    def _leaves(self, tables: Sequence[Table]) -> Float[np.ndarray, "leaves tables"]:
        if not tables:
            return np.empty((self._rows, 0))
        if isinstance(self.proxy, AggregateProxy):
            return self.proxy.measure(tables)
        scores, _ = self.proxy.predict(tables)
        return scores.reshape(1, -1)
