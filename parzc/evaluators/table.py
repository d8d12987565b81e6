"""Accuracies from a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from parzc.probing.table import Architecture
from parzc.space import Space
from parzc.targets import read_table, read_targets

__all__ = ["TableEvaluator"]


class TableEvaluator:
    """Looks accuracies up in a targets file, as benchmarks of search do.

    Only architectures of the file are searched.

    Args:
        space: The search space.
        targets: The CSV file.
        target: The column that strategies are told.
        report: A column that is reported beside it and that nothing is chosen by, such as the test accuracy.

    Raises:
        FileNotFoundError: If there is no such file.
        LookupError: If there is no such column.
        ValueError: If the file knows no architecture of the space.
    """

    def __init__(self, *, space: Space, targets: str, target: str, report: str | None = None) -> None:
        listed = space.architectures() or read_table(targets)["architecture"]
        self._accuracies = read_targets(targets, target, listed)
        self._reported = {} if report is None else read_targets(targets, report, listed)

    @property
    def architectures(self) -> Sequence[Architecture]:
        """All that the file has."""
        return list(self._accuracies)

    def evaluate(
        self, architectures: Sequence[Architecture]
    ) -> Iterator[tuple[Architecture, Mapping[str, Any]]]:
        """Look architectures up.

        Args:
            architectures: Some that the file has.

        Yields:
            Each with its `accuracy`, and `test_accuracy` where one is to be reported.
        """
        for name in architectures:
            result = {"accuracy": self._accuracies[name]}
            if name in self._reported:
                result["test_accuracy"] = self._reported[name]
            yield name, result
