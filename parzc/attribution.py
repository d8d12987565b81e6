"""What a learned proxy listens to: Shapley values of the positions and of the statistics of its encoding."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from parzc.encoding import KINDS, Encoding
from parzc.probing.table import Table
from parzc.proxy import ParametricProxy

__all__ = [
    "Importance",
    "Parts",
    "Score",
    "importance",
    "positions_of",
    "score_by",
    "score_without",
    "shapley_values",
    "statistics_of",
]

_ROWS = 512
_PRESENCE = "presence"

Score = Callable[[Encoding], Float[Tensor, " batch"]]
"""From encoded tables to scores."""


@dataclass(frozen=True)
class Parts:
    """A division of an encoding into parts that come and go together.

    Attributes:
        names: Names of the parts.
        depths: Relative depth of each, from 0 to 1; NaN where it has none.
        of: Number of the part that each feature belongs to, and in the last column each entry of the mask.
    """

    names: list[str]
    depths: list[float]
    of: Int[Tensor, "length channels_and_mask"]


@dataclass(frozen=True)
class Importance:
    """What a proxy listens to, in the unit of its score.

    Attributes:
        positions: Columns `position`, `name`, `depth` (from 0 to 1, missing for the network as a whole),
            `importance` (the mean over architectures of the absolute Shapley value) and `sd` (of that value
            over architectures).
        statistics: Columns `statistic`, `importance` and `sd`; `kind` stands for the kinds of operation
            together, `presence` for which positions hold a live node at all.
    """

    positions: pd.DataFrame
    statistics: pd.DataFrame


def importance(
    proxy: ParametricProxy, tables: Sequence[Table], *, samples: int = 4, seed: int = 0
) -> Importance:
    """Find which positions and which statistics move a proxy's score.

    Args:
        proxy: A learned proxy.
        tables: Architectures of one space, best some hundred; each is compared with the others.
        samples: As for `shapley_values`.
        seed: As for `shapley_values`.

    Returns:
        Importances, not negative; higher is more, and 0 is what the proxy ignores.

    Raises:
        ValueError: If there are fewer than two tables, or `samples` is below 1.
        LookupError: If a table lacks a statistic.
    """
    if len(tables) < 2:
        raise ValueError(f"importance compares at least 2 architectures with each other, got {len(tables)}.")
    encoded, score = proxy.encoding(tables), score_by(proxy)

    def measure(parts: Parts) -> pd.DataFrame:
        values = shapley_values(score, encoded, encoded, parts, samples=samples, seed=seed).abs()
        columns = {"importance": values.mean(0).numpy(), "sd": values.std(0).numpy()}
        return pd.DataFrame({"name": parts.names, "depth": parts.depths} | columns)

    positions = measure(positions_of(proxy.encoding)).rename_axis("position").reset_index()
    statistics = measure(statistics_of(proxy.encoding)).rename(columns={"name": "statistic"})
    return Importance(positions, statistics.drop(columns="depth"))


def score_by(proxy: ParametricProxy) -> Score:
    """Give the last step of a proxy: from encoded tables to their scores.

    Args:
        proxy: A learned proxy.

    Returns:
        A function without gradients.
    """

    def score(encoding: Encoding) -> Float[Tensor, " batch"]:
        with torch.no_grad():
            found: Float[Tensor, " batch"] = proxy.predictor(encoding).mean(0)
        return found

    return score


def positions_of(encoding: Any) -> Parts:
    """Divide by position: all features of what lies there, and whether there is anything.

    Args:
        encoding: A fitted encoding.

    Returns:
        As many parts as positions.
    """
    names, depths = zip(*encoding.places(), strict=True)
    each = torch.arange(len(names))[:, None].expand(-1, encoding.channels + 1)
    return Parts(list(names), list(depths), each)


def statistics_of(encoding: Any) -> Parts:
    """Divide by statistic: one feature at all positions, the network as a whole included.

    Args:
        encoding: A fitted encoding.

    Returns:
        A part for each feature but the kinds of operation, which are one; the last is the mask.
    """
    rows: list[list[str]] = []
    for member in getattr(encoding, "members", [encoding]):
        labels = ["kind" if label in KINDS else label for label in member.labels]
        padding = [_PRESENCE] * (encoding.channels + 1 - len(labels))
        rows += [labels + padding] * member.length
    names = [name for name in dict.fromkeys(itertools.chain(*rows)) if name != _PRESENCE] + [_PRESENCE]
    number = {name: index for index, name in enumerate(names)}
    each = torch.tensor([[number[label] for label in row] for row in rows])
    return Parts(names, [float("nan")] * len(names), each)


def shapley_values(
    score: Score,
    encoding: Encoding,
    background: Encoding,
    parts: Parts,
    *,
    samples: int = 4,
    seed: int = 0,
) -> Float[Tensor, "batch parts"]:
    r"""Share out what an architecture's score is above that of others among the parts of its encoding.

    With :math:`v(S)` the expected score of an encoding that has the parts S from the architecture and all
    others from one of the background, the Shapley value of a part is the mean of
    :math:`v(S \cup \{i\}) - v(S)` over all orders in which the parts can be put in. Orders and architectures
    of the background are drawn; each order is also taken backwards, which makes the values exact, given the
    background drawn, for scores in which parts interact by two.

    Args:
        score: From encodings to scores.
        encoding: What is explained.
        background: What it is compared with.
        parts: What the encoding is divided into.
        samples: How many of the background, each with an order of its own, an architecture is compared with.
        seed: Of these choices.

    Returns:
        Values in the unit of the score, above 0 where a part raises it. Those of an architecture sum up to
        its score minus the mean score of those of the background that it was compared with.

    Raises:
        ValueError: If `samples` is below 1.

    Source:
        Shapley 1953; Štrumbelj & Kononenko, Knowledge and Information Systems 2014 (sampling with a drawn
        background); Lundberg & Lee, NeurIPS 2017 (the interventional value function); orders in pairs as in
        Mitchell et al., JMLR 2022. No integrated gradients (Sundararajan et al., ICML 2017): whether a
        node is there at all is no number that one could go along.
    """
    if samples < 1:
        raise ValueError(f"samples should be at least 1, got {samples}.")
    generator = torch.Generator().manual_seed(seed)
    values = torch.zeros(len(encoding), len(parts.names), dtype=torch.float64)
    for row in range(len(encoding)):
        others = torch.randint(len(background), (samples,), generator=generator)
        orders = torch.stack([torch.randperm(len(parts.names), generator=generator) for _ in others])
        ways, compared = torch.cat([orders, orders.flip(1)]), background[others.repeat(2)]
        values[row] = _gains(score, _row(encoding, row), compared, parts, ways).mean(0)
    return values


def score_without(
    score: Score, encoding: Encoding, background: Encoding, parts: Parts, removed: Int[Tensor, " removed"]
) -> Float[Tensor, " batch"]:
    """Score architectures as if some parts of their encoding were not known.

    Args:
        score: From encodings to scores.
        encoding: The architectures.
        background: What the removed parts are taken from.
        parts: What the encoding is divided into.
        removed: Numbers of parts.

    Returns:
        The score with these parts from the background, the mean over all of the background, in the unit of
        the score.
    """
    kept = torch.ones(len(parts.names), dtype=torch.bool)
    kept[removed] = False
    found = [
        _scores(score, _mix(kept[parts.of], encoding, _row(background, other)))
        for other in range(len(background))
    ]
    return torch.stack(found).mean(0)


def _gains(
    score: Score, own: Encoding, others: Encoding, parts: Parts, orders: Int[Tensor, "others parts"]
) -> Float[Tensor, "others parts"]:
    """Measure what each part changes when the others become this architecture, part by part."""
    steps = orders.shape[1] + 1
    place = orders.argsort(1)
    known = place[:, None] < torch.arange(steps)[:, None]
    kept = known.flatten(0, 1)[:, parts.of]
    start = others[torch.arange(len(others)).repeat_interleave(steps)]
    on_the_way = _scores(score, _mix(kept, own, start)).view(len(others), steps)
    return on_the_way.diff(dim=1).gather(1, place)


def _row(encoding: Encoding, row: int) -> Encoding:
    return encoding[row : row + 1]


def _mix(kept: Bool[Tensor, "*steps length channels_and_mask"], own: Encoding, other: Encoding) -> Encoding:
    return Encoding(
        torch.where(kept[..., :-1], own.values, other.values),
        torch.where(kept[..., -1], own.mask, other.mask),
    )


def _scores(score: Score, encoding: Encoding) -> Float[Tensor, " batch"]:
    chunks = [score(encoding[start : start + _ROWS]) for start in range(0, len(encoding), _ROWS)]
    return torch.cat(chunks).double()
