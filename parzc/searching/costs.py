"""What an architecture costs, and bounds on it."""

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from parzc.probing.table import Architecture
from parzc.space import Space

__all__ = ["MEASURES", "Constraint", "Costs", "Tradeoff", "read_latencies"]

MEASURES = ("flops", "parameters", "latency")
"""What can be bounded and traded: multiply-accumulates of one input, weights, measured time."""


class Costs:
    """What architectures cost, each counted once.

    Args:
        space: Counts parameters and FLOPs.
        latencies: Measured times by architecture, in any unit; without them there is no `latency`.
    """

    def __init__(self, space: Space, latencies: Mapping[Architecture, float] | None = None) -> None:
        self._space = space
        self._latencies = latencies or {}
        self._counted: dict[Architecture, dict[str, float]] = {}

    def __call__(self, architecture: Architecture) -> dict[str, float]:
        """Say what one architecture costs.

        Args:
            architecture: Which.

        Returns:
            By name of `MEASURES`, lower is better; no `latency` where none was measured.

        Raises:
            ValueError: If the space cannot read the architecture.
        """
        if architecture not in self._counted:
            cost = self._space.cost(architecture)
            known = {"flops": float(cost.flops), "parameters": float(cost.parameters)}
            if architecture in self._latencies:
                known["latency"] = self._latencies[architecture]
            self._counted[architecture] = known
        return self._counted[architecture]


class Constraint:
    """Bounds on what an architecture costs.

    Args:
        costs: Counts.
        bounds: By name of `MEASURES` the most an architecture may cost, by `min_flops` and so on the least;
            `None` for no bound.

    Raises:
        ValueError: If a name is none of these, or a bound no number.
    """

    def __init__(self, costs: Costs, bounds: Mapping[str, object]) -> None:
        least = {f"min_{measure}": measure for measure in MEASURES}
        given: dict[str, float] = {}
        for name, bound in bounds.items():
            if name not in least and name not in MEASURES:
                known = ", ".join((*MEASURES, *least))
                raise ValueError(f"constraint should bound one of {known}, got {name!r}.")
            if isinstance(bound, int | float):
                given[name] = bound
            elif bound is not None:
                raise ValueError(f"constraint.{name} should be a number, got {bound!r}.")
        self._costs = costs
        self._most = {name: bound for name, bound in given.items() if name in MEASURES}
        self._least = {least[name]: bound for name, bound in given.items() if name in least}

    def __call__(self, architecture: Architecture) -> bool:
        """Tell whether an architecture is within all bounds; what was not measured is not."""
        if not self._most and not self._least:
            return True
        cost = self._costs(architecture)
        return all(cost.get(name, math.inf) <= most for name, most in self._most.items()) and all(
            cost.get(name, -math.inf) >= least for name, least in self._least.items()
        )


class Tradeoff:
    """Accuracy weighted by what an architecture costs, so that any strategy can search for both.

    Args:
        costs: Counts.
        exponents: By name of `MEASURES` the power of the cost, negative to want it low.

    Raises:
        ValueError: If a name is none of these, or an exponent no number.

    Source:
        Tan et al., CVPR 2019 (MnasNet), who take -0.07 for latency. Deviation: a cost is relative to that
        of the first architecture and not to a target, which only scales the reward.
    """

    def __init__(self, costs: Costs, exponents: Mapping[str, object]) -> None:
        self.exponents: dict[str, float] = {}
        for name, exponent in exponents.items():
            if name not in MEASURES:
                raise ValueError(f"tradeoff should name one of {', '.join(MEASURES)}, got {name!r}.")
            if not isinstance(exponent, int | float):
                raise ValueError(f"tradeoff.{name} should be a number, got {exponent!r}.")
            if exponent:
                self.exponents[name] = exponent
        self._costs = costs
        self._first: dict[str, float] = {}

    def __call__(self, architecture: Architecture, accuracy: float) -> float:
        """Weigh an accuracy.

        Args:
            architecture: What has it.
            accuracy: A fraction.

        Returns:
            Higher is better; the accuracy itself if there are no exponents.

        Raises:
            LookupError: If the latency counts and was not measured.
        """
        if not self.exponents:
            return accuracy
        cost = self._costs(architecture)
        self._first = self._first or cost
        weights = [(cost[name] / self._first[name]) ** power for name, power in self.exponents.items()]
        return float(accuracy * math.prod(weights))


def read_latencies(path: str | Path) -> dict[Architecture, float]:
    """Read a table of measured latencies.

    Args:
        path: A CSV file with the columns `architecture` and `latency`.

    Returns:
        Latencies in the unit of the file, lower is better.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing or holds something else than numbers.
    """
    frame = pd.read_csv(path, dtype={"architecture": str})
    if not {"architecture", "latency"} <= {*frame.columns}:
        raise ValueError(
            f"{path} should have the columns architecture and latency,"
            f" got {', '.join(map(str, frame.columns))}."
        )
    latencies = pd.to_numeric(frame["latency"], errors="coerce")
    if latencies.isna().any():
        wrong = frame["latency"][latencies.isna()].iloc[0]
        raise ValueError(f"column latency of {path} should hold numbers, found {wrong!r}.")
    return dict(zip(map(Architecture, frame["architecture"]), map(float, latencies), strict=True))
