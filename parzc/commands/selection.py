"""Choose the architectures and images that a command works on."""

from collections.abc import Sequence
from pathlib import Path

from parzc.images import ImageData
from parzc.probing.passes import Batch
from parzc.probing.table import Architecture
from parzc.space import Space

__all__ = ["choose_architectures", "second_batch"]


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
