"""Choose the architectures and images that a command works on."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from parzc.aggregate import AggregateProxy
from parzc.commands.adaptation import trained_spaces
from parzc.images import ImageData
from parzc.probing.passes import Batch
from parzc.probing.table import Architecture
from parzc.protocol import Proxy
from parzc.space import Space

__all__ = ["choose_architectures", "held_out", "second_batch"]


def choose_architectures(
    space: Space, architectures: int | str | Sequence[str], seed: int
) -> list[Architecture]:
    """Turn the option `architectures` of a command into a list.

    Args:
        space: A search space.
        architectures: A number (a random sample), `"all"`, the path of a text file with one
            architecture a line, or the architectures themselves.
        seed: Seed of the sample. A smaller sample is the start of a larger one.

    Returns:
        Different architectures that the space can read.

    Raises:
        FileNotFoundError: If it is neither a number nor `"all"` and there is no such file.
        ValueError: If the sample is larger than the space, or the list is empty, names one
            architecture twice or one that the space cannot read.
    """
    if isinstance(architectures, str) and architectures.isdecimal():
        architectures = int(architectures)
    if isinstance(architectures, int):
        if architectures < 1:
            raise ValueError(f"at least one architecture should be asked for, got {architectures}.")
        return list(space.sample(architectures, seed))
    chosen = _named(space, architectures)
    if not chosen:
        raise ValueError(f"there should be at least one architecture, found none in {architectures!r}.")
    seen: set[str] = set()
    for architecture in chosen:
        space.canonical(architecture)
        if architecture in seen:
            raise ValueError(f"architectures should differ, found {architecture!r} twice.")
        seen.add(architecture)
    return chosen


def second_batch(images: ImageData, size: int, seed: int) -> Batch | None:
    """Draw the images after those of the mini-batch, for statistics that compare two batches.

    Args:
        images: The data.
        size: Images in a mini-batch.
        seed: That of the mini-batch.

    Returns:
        As many other images and their classes; nothing if the training part is too small, and the
        statistics then compare the halves of the only batch.
    """
    if 2 * size > len(images.train_x):
        return None
    inputs, labels = images.batch(2 * size, seed)
    return inputs[size:], labels[size:]


def held_out(
    architectures: Iterable[Architecture], proxy: Proxy, store: Mapping[str, Any]
) -> list[Architecture]:
    """Leave out what a proxy was trained on, and say so.

    Args:
        architectures: Architectures of a feature store.
        proxy: Any proxy; of an aggregate all members count, of a transferred proxy also what it learned from
            before, if it was in this space.
        store: The settings of the store.

    Returns:
        The others, in their order.

    Raises:
        ValueError: If none is left.
    """
    names = list(architectures)
    trained = _trained(proxy, store.get("space", {}))
    kept = [name for name in names if name not in trained]
    if not kept:
        raise ValueError(
            f"all {len(names)} architectures at hand were used to train this proxy; give others, or"
            " include_training=true to see how well it fits them."
        )
    if len(kept) < len(names):
        print(
            f"note: {len(names) - len(kept)} of {len(names)} architectures were used in training and are left"
            " out; include_training=true keeps them.",
            file=sys.stderr,
        )
    return kept


def _trained(proxy: Proxy, space: Mapping[str, Any]) -> set[str]:
    seen: set[str] = set()
    for leaf in proxy.leaves if isinstance(proxy, AggregateProxy) else [proxy]:
        metadata = leaf.metadata
        while metadata:
            where = trained_spaces(metadata)
            if not where or space.get("name") in where:
                seen |= set(metadata.get("training", ()))
            metadata = metadata.get("source") or {}
    return seen


def _named(space: Space, architectures: str | Sequence[str]) -> list[Architecture]:
    if not isinstance(architectures, str):
        return [Architecture(name) for name in architectures]
    if architectures == "all":
        return list(space.architectures())
    path = Path(architectures)
    if not path.is_file():
        raise FileNotFoundError(
            f"`architectures` should be a number, all, or a file with one a line;"
            f" there is no file {architectures}."
        )
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [Architecture(line) for line in lines if line]
