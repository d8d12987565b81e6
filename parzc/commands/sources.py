"""What a search draws from: the space, the images, and ways to read networks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parzc import plugins
from parzc.aggregate import AggregateProxy, open_named
from parzc.aggregations.rank_sum import rank_sum
from parzc.commands.adaptation import adapt, is_at_home
from parzc.commands.selection import second_batch
from parzc.images import ImageData
from parzc.initialise import Initialised
from parzc.journal import Journal
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture
from parzc.protocol import Proxy
from parzc.proxy import open_proxy
from parzc.searching.candidates import Candidates, Measure, Read
from parzc.searching.costs import Constraint
from parzc.searching.readings import ProxyScores, keep, read_anew, read_from
from parzc.searching.resize import resized
from parzc.space import Space

__all__ = ["Sources"]

_READING = ("initialisation", "blocks", "block_inputs", "compat")


class Sources:
    """Everything that strategies and evaluators are built from.

    Args:
        settings: Keywords of `parzc search`.

    Attributes:
        images: The data, if any.
        space: The search space, for these images.

    Raises:
        FileNotFoundError: If there is no such proxy or store.
        LookupError: If there is no such plug-in.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        data = settings["data"]
        self.images: ImageData | None = None if data is None else plugins.build("datasets", data).load()
        self.space = self.rebuild({}, None if self.images is None else self.images.shape)
        name = settings["proxy"]
        self._proxy = None if name is None else open_proxy(name, allow_plugins=settings["allow_plugins"])
        features = settings["features"]
        self._store = None if features is None else FeatureStore.open(features)
        if self._proxy is not None and self._store is not None:
            self._adapt(self._proxy, self._store)
        self._folder = Path(settings["out"])
        self._reading = self._choose_reading({} if self._proxy is None else self._proxy.metadata)

    def rebuild(self, options: Mapping[str, Any], shape: Sequence[int] | None) -> Space:
        """Make the space with other options.

        Args:
            options: Those that differ.
            shape: Of the images; the space's own default without.

        Returns:
            The space.
        """
        spec = self._settings["space"]
        facts = {} if self.images is None else {"classes": self.images.classes, "image_shape": shape}
        options = {**({"name": spec} if isinstance(spec, str) else spec), **options}
        space: Space = plugins.build("spaces", options, **facts)
        return space

    def candidates(self, among: Sequence[Architecture] | None, constraint: Constraint) -> Candidates:
        """Say what may be trained.

        Args:
            among: What the evaluator can evaluate, if not everything.
            constraint: Bounds on what an architecture costs.

        Returns:
            Candidates, of the feature store's architectures only if there is one.
        """
        read = self._reader()
        if self._store is not None:
            known = {self.space.canonical(name) for name in self._store.architectures()}
            listed = among or self.space.architectures() or self._store.architectures()
            among = [name for name in listed if self.space.canonical(name) in known]
        scores = None if self._proxy is None else self._scores(self._proxy, "proxy")
        return Candidates(
            self.space,
            among=among,
            allows=constraint,
            score=scores,
            draws=None if scores is None else scores.draws,
            measure=None if read is None else self._measure,
            read=read,
        )

    def _adapt(self, proxy: Proxy, store: FeatureStore) -> None:
        name = plugins.complete("spaces", self._settings["space"])["name"]
        if not is_at_home(proxy, name):
            adapt(proxy, list(store.tables().values()), name)

    def _reader(self) -> Read | None:
        if self._store is not None:
            return read_from(self._store, self.space)
        fresh = self._fresh()
        return None if fresh is None else keep(fresh, self._folder / "readings", self._identity())

    def _fresh(self) -> Read | None:
        if self.images is None:
            return None
        images, reading = resized(self.images, self._settings["resolution"]), dict(self._reading)
        size, seed, scheme = reading.pop("batch"), self._settings["seed"], reading.pop("initialisation")
        return read_anew(
            self.space if scheme is None else Initialised(self.space, scheme),
            images.batch(size, seed),
            second_batch=second_batch(images, size, seed),
            seed=seed,
            jobs=self._settings["jobs"],
            **reading,
        )

    def _scores(self, proxy: Proxy, name: str) -> ProxyScores:
        """Score by reading anew, or from the store; what was read anew is kept as scores."""
        if self._store is not None:
            return ProxyScores(proxy, read_from(self._store, self.space))
        fresh = self._fresh()
        if fresh is None:
            raise ValueError("a proxy reads networks on images; say data=… or features=….")
        self._folder.mkdir(parents=True, exist_ok=True)
        journal = Journal(self._folder / f"scores-{name}.jsonl", self._identity())
        return ProxyScores(proxy, fresh, journal)

    def _measure(self, names: Sequence[str]) -> Measure:
        members = [open_named(name) for name in names]
        for name, member in zip(names, members, strict=True):
            if isinstance(member, AggregateProxy):
                raise ValueError(
                    f"each of {', '.join(names)} should score one network alone; {name} does not."
                )
        return self._scores(AggregateProxy(rank_sum, members), "-".join(names)).measure

    def _choose_reading(self, trained: Mapping[str, Any]) -> dict[str, Any]:
        """Read networks as typed, else as in the training of the proxy."""
        found = {name: self._settings[name] for name in _READING}
        found = {name: trained.get(name) if value is None else value for name, value in found.items()}
        size = self._settings["batch"]
        return {"batch": trained.get("batch", {}).get("size", 16) if size is None else size, **found}

    def _identity(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "space": plugins.complete("spaces", settings["space"]),
            "data": plugins.complete("datasets", settings["data"]),
            "proxy": settings["proxy"],
            "seed": settings["seed"],
            "resolution": settings["resolution"],
            **self._reading,
        }
