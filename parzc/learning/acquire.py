"""Choose the architectures to label next, round by round."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Int

from parzc.acquisition import Pool
from parzc.learning.training import Trained
from parzc.probing.table import Architecture, Table

__all__ = ["Acquisition", "Known", "acquire", "next_to_label"]

Acquisition = Callable[[Pool, int, np.random.Generator], Int[np.ndarray, " count"]]

Known = dict[Architecture, float]
"""Targets by architecture, in the order in which they were asked for."""

_CONSIDERED = 1000
"""Architectures of a larger pool that are drawn anew each round, to choose from and to stand for all."""


def acquire(
    known: Known,
    pool: Mapping[Architecture, float],
    budget: int,
    *,
    tables: Mapping[Architecture, Table],
    acquisition: Acquisition,
    train: Callable[[Known], Trained],
    look_up: Callable[[Sequence[Architecture]], Known],
    each: int,
    seed: int,
) -> Known:
    """Train, look up the targets that tell most, train again, until the budget is spent.

    Args:
        known: Targets to start from.
        pool: Architectures to choose from, with how many each stands for.
        budget: How many targets to know in the end.
        tables: Tables of all of these.
        acquisition: What chooses, a plug-in of `parzc/acquisitions`.
        train: Learns from targets.
        look_up: Gives targets.
        each: Targets to look up in a round.
        seed: Of random choices.

    Returns:
        All targets that were looked up, those known at the start included.

    Raises:
        ValueError: If the budget is more than there are architectures, or nothing is looked up in a round.
    """
    if each < 1:
        raise ValueError(f"a round should label at least 1 architecture, got {each}.")
    if budget > (most := len(known.keys() | pool.keys())):
        raise ValueError(f"budget should be at most {most}, the architectures to choose from; got {budget}.")
    generator = np.random.default_rng(seed)
    while len(known) < budget:
        chosen = next_to_label(
            train(known),
            known,
            pool,
            tables=tables,
            acquisition=acquisition,
            count=min(each, budget - len(known)),
            generator=generator,
        )
        known = known | look_up(chosen)
    return known


def next_to_label(
    trained: Trained,
    known: Known,
    pool: Mapping[Architecture, float],
    *,
    tables: Mapping[Architecture, Table],
    acquisition: Acquisition,
    count: int,
    generator: np.random.Generator,
) -> list[Architecture]:
    """Choose the architectures whose labels are worth most.

    Args:
        trained: What was learned from the known targets.
        known: These.
        pool: Architectures to choose from, with how many each stands for.
        tables: Tables of all of these.
        acquisition: What chooses.
        count: How many at most.
        generator: For choices at random.

    Returns:
        Different architectures of the pool without a target, the most wanted first.
    """
    left = [name for name in pool if name not in known]
    if len(left) > _CONSIDERED:
        left = [left[row] for row in sorted(generator.choice(len(left), _CONSIDERED, replace=False))]
    if not left:
        return []
    unknown = Pool(
        trained.predictor,
        trained.encoding([tables[name] for name in left]),
        np.array([pool[name] for name in left], dtype=float),
        trained.encoding([tables[name] for name in known]),
        np.array(list(known.values())),
    )
    return [left[row] for row in acquisition(unknown, min(count, len(left)), generator)]
