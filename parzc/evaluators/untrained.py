"""No accuracies at all."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from parzc.probing.table import Architecture

__all__ = ["UntrainedEvaluator"]


class UntrainedEvaluator:
    """Trains nothing, for strategies that choose by proxies alone.

    The history then lists what was chosen, best first, and what it costs.
    """

    @property
    def architectures(self) -> None:
        """Say that the whole space can be listed."""

    def evaluate(
        self, architectures: Sequence[Architecture]
    ) -> Iterator[tuple[Architecture, Mapping[str, Any]]]:
        """Say nothing of architectures.

        Args:
            architectures: Which.

        Yields:
            Each without an accuracy.
        """
        for name in architectures:
            yield name, {}
