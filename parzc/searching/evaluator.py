"""What an evaluator offers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from parzc.probing.table import Architecture

__all__ = ["Evaluator"]


@runtime_checkable
class Evaluator(Protocol):
    """Finds out how accurate architectures become; the plug-ins are in `parzc/evaluators`."""

    @property
    def architectures(self) -> Sequence[Architecture] | None:
        """All that can be evaluated, if not the whole space can."""

    def evaluate(
        self, architectures: Sequence[Architecture]
    ) -> Iterator[tuple[Architecture, Mapping[str, Any]]]:
        """Evaluate architectures, each yielded as soon as it is done.

        A result has `accuracy`, a fraction in [0, 1] that strategies are told, and whatever else should be
        reported, such as `test_accuracy`; or `failure`, one line that says why there is none.
        """
