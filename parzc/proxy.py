"""Proxies: from a network, or its table, to a score. The drop-in for search code."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from parzc import plugins
from parzc.aggregate import open_named
from parzc.encoding import Encoding
from parzc.notation import plugins_named
from parzc.probing.extract import extract
from parzc.probing.passes import Batch
from parzc.probing.stack import Stack, stack
from parzc.probing.table import Table, column_name
from parzc.protocol import Proxy
from parzc.proxy_file import SUFFIX, ProxyFile, read_proxy_file, write_proxy_file
from parzc.shipped import shipped_proxies
from parzc.training_free import CHEAPEST

__all__ = ["ParametricProxy", "Proxy", "build_proxy", "load_proxy", "open_proxy"]

_CHUNK = 512
_DRAWS = 16
_SEED = 0
_PARTS = {"encoding": "encodings", "predictor": "predictors"}
_ROLES = ("members", "mixer", "trees", "process")


class ParametricProxy:
    """A learned proxy.

    Args:
        encoding: Fitted.
        predictor: Trained on that encoding.
        metadata: Plain values that say where the two come from: `space`, `statistics`, `batch`,
            `seed`, `target`, `metrics`, `training` (the training architectures), ...

    Attributes:
        encoding: From tables to one shape.
        predictor: From there to scores.
        metadata: As given.
    """

    def __init__(self, encoding: Any, predictor: Any, metadata: Mapping[str, Any] | None = None) -> None:
        self.encoding = encoding.eval()
        self.predictor = predictor.eval()
        self.metadata: dict[str, Any] = dict(metadata or {})

    @property
    def statistics(self) -> tuple[str, ...]:
        """Statistics that the encoding reads, by the names that `parzc.extract` takes."""
        full = {column_name(name): name for name in self.metadata.get("statistics", ())}
        return tuple(full.get(name, name) for name in self.encoding.statistics) or CHEAPEST

    def __call__(self, network: nn.Module, batch: Batch, *, second_batch: Batch | None = None) -> float:
        """Score a network; only the statistics that the proxy needs are extracted, as in training.

        Args:
            network: From inputs to logits, with weights drawn as in training; left as it was.
            batch: Inputs and class labels; best of the size that the proxy was trained with,
                `metadata["batch"]["size"]`.
            second_batch: For statistics that compare two batches; without it they compare the halves of
                the only one.

        Returns:
            The score: higher is better, comparable within this proxy only.

        Raises:
            ValueError: If no node of the network is one that the encoding knows.
            RuntimeError: If the network fails while it runs.
        """
        options = ("blocks", "block_inputs", "compat")
        trained: dict[str, Any] = {name: self.metadata.get(name) for name in options}
        table = extract(network, batch, self.statistics, second_batch=second_batch, **trained)
        return float(self.predict([table])[0][0])

    def predict(
        self, tables: Sequence[Table]
    ) -> tuple[Float[np.ndarray, " tables"], Float[np.ndarray, " tables"]]:
        """Score tables.

        Args:
            tables: Tables with the columns `statistics`.

        Returns:
            Scores (higher is better) and their standard deviations, the predictor's own or over samples
            of the posterior and members; 0 where there is none of these. The same for every call.

        Raises:
            LookupError: If a table lacks a statistic.
        """
        chunks = [self._predict(part) for part in stack(tables).cut(_CHUNK)]
        mean, sd = zip(*chunks, strict=True) if chunks else ((np.zeros(0),), (np.zeros(0),))
        return np.concatenate(mean), np.concatenate(sd)

    def score(self, tables: Sequence[Table]) -> Float[np.ndarray, " tables"]:
        """Score tables without standard deviations, in all threads of torch.

        Args:
            tables: As for `predict`.

        Returns:
            The scores that `predict` gives.

        Raises:
            LookupError: If a table lacks a statistic.
        """

        def read(part: Stack) -> Tensor:
            with torch.no_grad():  # which holds for one thread only
                scores: Tensor = self.predictor(self.encoding(part)).mean(0)
                return scores

        parts = stack(tables).map(_CHUNK, read)
        return torch.cat([torch.zeros(0), *parts]).double().numpy()

    def save(self, path: str | Path) -> None:
        """Write a proxy file, whole or not at all.

        Args:
            path: The file, by custom `*.parzc`.

        Raises:
            TypeError: If the metadata hold anything but plain values.
        """
        write_proxy_file(path, self.content())

    def content(self) -> ProxyFile:
        """Say what a proxy file of this proxy holds.

        Returns:
            Metadata, with how to build the encoding and the predictor, and the state of both.
        """
        parts = {part: _specification(getattr(self, part), kind) for part, kind in _PARTS.items()}
        state = {part: getattr(self, part).state_dict() for part in _PARTS}
        return ProxyFile(self.metadata | parts, **state)

    def _predict(
        self, tables: Sequence[Table]
    ) -> tuple[Float[np.ndarray, " tables"], Float[np.ndarray, " tables"]]:
        with torch.no_grad():
            encoding = self.encoding(tables)
            both = self.predictor(encoding).mean(0), _spread(self.predictor, encoding)
        return both[0].double().numpy(), both[1].double().numpy()


def load_proxy(path: str | Path, *, allow_plugins: bool = False) -> ParametricProxy:
    """Load a proxy file. Nothing in it is executed.

    Args:
        path: A file that `parzc export` or `ParametricProxy.save` made, or the name of one that parzc
            ships if there is no such file.
        allow_plugins: Import the plug-ins from outside parzc that the file names, which runs their
            code: only for files you trust.

    Returns:
        The proxy, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file; the message lists those that are shipped.
        ValueError: If it is no proxy file, is damaged, holds a pickled object, or names a plug-in
            from outside parzc without leave.
    """
    known = shipped_proxies()
    if not Path(path).is_file() and str(path) not in known:
        raise FileNotFoundError(
            f"{path} should be a proxy file made by `parzc export`; there is no such file. {_list_shipped()}"
        )
    file = path if Path(path).is_file() else known[str(path)]
    return build_proxy(read_proxy_file(file), path, allow_plugins=allow_plugins)


def build_proxy(content: ProxyFile, source: str | Path, *, allow_plugins: bool = False) -> ParametricProxy:
    """Build the proxy that a file describes.

    Args:
        content: What was read.
        source: Where from, for the messages.
        allow_plugins: As for `load_proxy`.

    Returns:
        The proxy.

    Raises:
        ValueError: As for `load_proxy`.
    """
    try:
        parts = {part: dict(content.metadata[part]) for part in _PARTS}
        names = [named for part, kind in _PARTS.items() for named in _all_named(parts[part], kind)]
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{source} is damaged: it does not say how to build its parts.") from error
    if not allow_plugins:
        _refuse_foreign(source, names)
    try:
        encoding = plugins.build("encodings", parts["encoding"])
        predictor = plugins.build("predictors", parts["predictor"])
        _check_shapes(encoding, parts["predictor"])
        encoding.load_state_dict(content.encoding)
        predictor.load_state_dict(content.predictor)
    except (LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{source} does not fit this version of parzc ({' '.join(str(error).split())[:120]});"
            " export it again with this version, or use the one that made it."
        ) from error
    proxy = ParametricProxy(encoding, predictor, content.metadata)
    if not allow_plugins:
        _refuse_foreign(source, [("statistics", name) for name in proxy.statistics])
    return proxy


def open_proxy(spec: str | Path | Proxy, *, allow_plugins: bool = False) -> Proxy:
    """Open a proxy file, a training-free proxy by name, or an aggregate.

    Args:
        spec: A path, the name of a learned proxy that parzc ships, the name of a file in
            `parzc/proxies`, a dotted name of a formula from outside, an aggregation of such members,
            `az_rank(a.parzc,synflow)`, or a proxy, which is returned as it is.
        allow_plugins: As for `load_proxy`.

    Returns:
        The proxy.

    Raises:
        FileNotFoundError: If there is no such file.
        UnknownPluginError: If it is the name of no training-free proxy or aggregation.
        ValueError: If the file cannot be loaded, see `load_proxy`, or parentheses do not match.
    """
    if not isinstance(spec, str | Path):
        return spec

    def open_one(text: str) -> Proxy:
        if Path(text).suffix == SUFFIX or Path(text).is_file() or text in shipped_proxies():
            return load_proxy(text, allow_plugins=allow_plugins)
        return open_named(text, open_one)

    try:
        return open_one(str(spec))
    except plugins.UnknownPluginError as error:
        raise plugins.UnknownPluginError(
            f"{error} A learned proxy is a file *{SUFFIX}. {_list_shipped()}"
        ) from error


def _list_shipped() -> str:
    return f"Those that parzc ships are {', '.join(shipped_proxies()) or 'none'}."


def _spread(predictor: Any, encoding: Encoding) -> Float[Tensor, " tables"]:
    """Ask a predictor that knows how sure it is, or see how its samples or its members spread."""
    if hasattr(predictor, "spread"):
        known: Float[Tensor, " tables"] = predictor.spread(encoding)
        return known
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        drawn = predictor.sample(encoding, _DRAWS) if hasattr(predictor, "sample") else predictor(encoding)
    found: Float[Tensor, " tables"] = drawn.double().std(0, correction=0)
    return found


def _all_named(spec: Mapping[str, Any], kind: str) -> list[tuple[str, str]]:
    """List the plug-ins that a specification names, however deep."""
    found = [(kind, str(spec["name"]))]
    for option, value in spec.items():
        if option == "proxies":
            found += [named for text in value for named in plugins_named(text)]
            continue
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Mapping) and "name" in inner:
                found += _all_named(inner, kind)
            elif option in _ROLES and isinstance(inner, str):
                found.append((kind, inner))
    return found


def _specification(part: Any, kind: str) -> dict[str, Any]:
    module, name = type(part).__module__, type(part).__qualname__
    inside = module.removeprefix(f"parzc.{kind}.")
    options: dict[str, Any] = part.configuration()
    return {"name": inside if inside != module else f"{module}:{name}"} | options


def _check_shapes(encoding: Any, predictor: Mapping[str, Any]) -> None:
    for fact in ("length", "channels"):
        made = getattr(encoding, fact)
        if predictor.get(fact, made) != made:
            raise ValueError(f"the predictor should have {fact} {made}, got {predictor[fact]}")


def _refuse_foreign(source: str | Path, names: Sequence[tuple[str, str]]) -> None:
    for kind, name in names:
        if name not in plugins.available(kind):
            raise ValueError(
                f"{source} names {name!r}, which is not one of the {kind} of parzc; if you trust the file,"
                " load it with allow_plugins=True, which imports that module."
            )
