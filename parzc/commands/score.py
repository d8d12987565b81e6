"""`parzc score`: score networks with a proxy."""

import csv
import inspect
import io
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from parzc import plugins
from parzc.aggregate import AggregateProxy
from parzc.atomic import atomic_write
from parzc.commands.adaptation import adapt, choose_reading, is_at_home, warn_of_guess, warn_of_readings
from parzc.commands.selection import choose_architectures, second_batch
from parzc.images import ImageData
from parzc.initialise import Initialised, Scheme
from parzc.probing.extract import BlockInputs, Compat
from parzc.probing.parallel import Failure, extract_all
from parzc.probing.table import Architecture, Table
from parzc.provenance import write_provenance
from parzc.proxy import Proxy, open_proxy
from parzc.space import Space

__all__ = ["Score", "score"]

Spec = str | Mapping[str, Any]

_FEW = 16
"""So few networks are done sooner than further processes have started."""


class Score(NamedTuple):
    """The score of one architecture.

    Attributes:
        architecture: The network.
        score: Higher is better, comparable within one proxy only (of an aggregate, within one call of
            this command); NaN where there is none.
        sd: Standard deviation of the score; 0 for a proxy that gives none.
    """

    architecture: Architecture
    score: float
    sd: float


def score(
    *,
    proxy: str,
    space: Spec | None = None,
    architectures: int | str = 100,
    network: str | None = None,
    input: str | None = None,
    data: Spec | None = None,
    out: str | None = None,
    batch: int | None = None,
    seed: int | None = None,
    initialisation: Scheme | None = None,
    blocks: Sequence[str] | None = None,
    block_inputs: BlockInputs = None,
    compat: Compat = None,
    jobs: int = -1,
    allow_plugins: bool = False,
) -> list[Score]:
    """Score architectures of a space, or one network.

    Args:
        proxy: A proxy file, the name of a shipped or training-free proxy, or an aggregate of such, which
            ranks the architectures among each other: `az_nas`, `vote(synflow,jacob_cov,snip)`. One that
            was trained on other spaces takes its scale from the architectures, if there are several.
        space: The search space, or its name and options.
        architectures: A number (a random sample), `all`, or a file with one a line.
        network: Instead of a space, the function that makes the network:
            `package.module:factory` or `package.module:factory(depth=3)`.
        input: Shape of an input, such as `3x32x32`, where there is no data.
        data: The images, or their name and options. Without, Gaussian noise with random labels.
        out: The CSV file; without, the scores are printed.
        batch: Images in the mini-batch; as in training by default, 16 for a training-free proxy.
        seed: Seed of the sample, of the mini-batch and of the initial weights; as in training by
            default, 0 for a training-free proxy.
        initialisation: As for `extract`, and so are the next three; as in training by default.
        blocks: Names of modules between whose outputs lie the blocks of block-wise statistics.
        block_inputs: `noise` to read block-wise statistics on Gaussian noise, as AZ-NAS does.
        compat: `original` for the quirks of the public code that statistics are compared with.
        jobs: Processes; -1 for one a core.
        allow_plugins: Import the plug-ins from outside parzc that the proxy file names.

    Returns:
        The scores, best first; networks that failed are left out.

    Raises:
        ValueError: If not exactly one of `space` and `network` is given, the proxy file or the shape
            cannot be read, or an aggregate is to score one network alone.
        LookupError: If there is no such proxy, space or data source.
        RuntimeError: If no network could be scored.
    """
    settings = dict(locals())
    if (space is None) == (network is None):
        raise ValueError(
            "score needs one of space=… (with architectures=…) and network=package.module:factory."
        )
    opened = open_proxy(proxy, allow_plugins=allow_plugins)
    size = opened.metadata.get("batch", {}).get("size", 16) if batch is None else batch
    seed = opened.metadata.get("seed", 0) if seed is None else seed
    images = None if data is None else _load(data, input)
    shape = _noise_shape(input, space, opened) if images is None else images.shape
    built: Space = plugins.build(
        "spaces", "networks" if space is None else space, image_shape=shape, classes=_classes(images, opened)
    )
    chosen = choose_architectures(built, architectures if network is None else [network], seed)
    _check_population(opened, len(chosen))
    scored = _name_of(space)
    _warn(opened, scored, settings, len(chosen))
    images = images or _noise(built, chosen[0], shape, size, seed)
    reading = choose_reading(opened, scored, settings)
    scheme = reading.pop("initialisation")
    results = extract_all(
        built if scheme is None else Initialised(built, scheme),
        chosen,
        images.batch(size, seed),
        opened.statistics,
        seed=seed,
        jobs=1 if len(chosen) <= _FEW else jobs,
        second_batch=second_batch(images, size, seed),
        **reading,
    )
    scores = _scores(opened, results, len(chosen), scored)
    if out is None:
        _print(scores, network)
    else:
        _save(scores, out)
        write_provenance(out, settings | {"batch": size, "seed": seed, "initialisation": scheme} | reading)
    return scores


def _load(data: Spec, shape: str | None) -> ImageData:
    images: ImageData = plugins.build("datasets", data).load()
    if shape is not None and _read_shape(shape) != images.shape:
        raise ValueError(f"input should be the shape of the data, {_write_shape(images.shape)}, got {shape}.")
    return images


def _check_population(proxy: Proxy, count: int) -> None:
    if isinstance(proxy, AggregateProxy) and count < 2:
        raise ValueError(
            "an aggregate ranks networks among each other and has no score for one alone; give more with"
            " space=… architectures=…, or one of its members as the proxy."
        )


def _warn(proxy: Proxy, space: str, settings: Mapping[str, Any], count: int) -> None:
    warn_of_readings(proxy, settings)
    if count == 1 and not is_at_home(proxy, space):
        warn_of_guess(proxy)


def _name_of(space: Spec | None) -> str:
    name = space["name"] if isinstance(space, Mapping) else space
    return name or "networks"


def _noise_shape(shape: str | None, space: Spec | None, proxy: Proxy) -> tuple[int, ...]:
    """Find the shape of an input: as typed, else as in the proxy's training, else the space's own."""
    if shape is not None:
        return _read_shape(shape)
    trained = proxy.metadata.get("space", {})
    name = _name_of(space)
    if "image_shape" in trained and (space is None or name == trained.get("name")):
        return tuple(trained["image_shape"])
    if space is not None:
        parameter = inspect.signature(plugins.load("spaces", name)).parameters.get("image_shape")
        if parameter is not None and parameter.default is not parameter.empty:
            return tuple(parameter.default)
    raise ValueError("without data=… the shape of an input is needed, say input=3x32x32.")


def _read_shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*x[1-9]\d*", text):
        raise ValueError(f"input should be channels x height x width, such as 3x32x32, got {text!r}.")
    return tuple(int(part) for part in text.split("x"))


def _write_shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _classes(images: ImageData | None, proxy: Proxy) -> int:
    return int(proxy.metadata.get("space", {}).get("classes", 10)) if images is None else images.classes


def _noise(space: Space, architecture: Architecture, shape: Sequence[int], size: int, seed: int) -> ImageData:
    print(
        f"note: scored on Gaussian noise of {_write_shape(shape)} with random labels, for want of data=….",
        file=sys.stderr,
    )
    classes = _count_outputs(space, architecture, shape, seed)
    options = {"shape": list(shape), "classes": classes, "images": max(256, size), "seed": seed}
    images: ImageData = plugins.build("datasets", {"name": "noise", **options}).load()
    return images


def _count_outputs(space: Space, architecture: Architecture, shape: Sequence[int], seed: int) -> int:
    """Run the first network once, so that random labels are among its classes."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = space.build(architecture).eval()
        try:
            logits = network(torch.zeros(1, *shape))
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            return 10  # the probe fails in the same way, and says where
    return logits.shape[-1] if isinstance(logits, Tensor) and logits.dim() == 2 else 10


def _scores(
    proxy: Proxy, results: Iterable[list[tuple[Architecture, Table | Failure]]], count: int, space: str
) -> list[Score]:
    names: list[Architecture] = []
    waiting: list[Table] = []  # for all others, where these set the proxy's scale
    parts: list[np.ndarray] = []
    failures: dict[str, str] = {}
    with tqdm(desc="score", total=count, unit="network", delay=1) as bar:
        for group in results:
            tables = {name: table for name, table in group if isinstance(table, Table)}
            names += tables
            waiting += tables.values()
            if count == 1 or is_at_home(proxy, space):
                parts.append(_measure(proxy, waiting))
                waiting = []
            failures |= {name: result.reason for name, result in group if isinstance(result, Failure)}
            bar.update(len(group))
    if not names:
        name, reason = next(iter(failures.items()))
        raise RuntimeError(f"no network could be scored; {name}: {reason}")
    if waiting:
        adapt(proxy, waiting, space)
        parts.append(_measure(proxy, waiting))
    for name, reason in failures.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    scores = map(Score, names, *_combine(proxy, np.concatenate(parts, axis=1)).tolist())
    return sorted(scores, key=lambda row: (math.isnan(row.score), -row.score, row.architecture))


def _measure(proxy: Proxy, tables: Sequence[Table]) -> np.ndarray:
    """Do what can be done before all networks have been read, one column a table."""
    return proxy.measure(tables) if isinstance(proxy, AggregateProxy) else np.stack(proxy.predict(tables))


def _combine(proxy: Proxy, measured: np.ndarray) -> np.ndarray:
    """Make rows of scores and standard deviations, now that all are there."""
    if not isinstance(proxy, AggregateProxy):
        return measured
    scores = proxy.combine(measured)
    return np.stack([scores, np.zeros_like(scores)])


def _print(scores: Sequence[Score], network: str | None) -> None:
    if network is None:
        print(_as_csv(scores), end="")
    else:
        print(f"{network}: score {scores[0].score:.9g}, sd {scores[0].sd:.3g}")


def _save(scores: Sequence[Score], out: str) -> None:
    with atomic_write(out) as part:
        part.write_text(_as_csv(scores), encoding="utf-8", newline="")
    best = scores[0]
    print(f"{out}: {len(scores)} architectures, best first: {best.architecture} {best.score:.4g}.")


def _as_csv(scores: Sequence[Score]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Score._fields)
    writer.writerows(scores)
    return text.getvalue()
