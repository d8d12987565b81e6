"""What a search strategy offers."""

from typing import Protocol, runtime_checkable

from parzc.probing.table import Architecture

__all__ = ["NothingLeftError", "Strategy"]


class NothingLeftError(LookupError):
    """The strategy has asked for all there is."""


@runtime_checkable
class Strategy(Protocol):
    """Says what to train next; the plug-ins are in `parzc/search`.

    What it asks for follows from its options, its seed and what it was told, and from nothing else.
    """

    def ask(self) -> Architecture:
        """Name the next architecture to train; `NothingLeftError` if there is none."""

    def tell(self, architecture: Architecture, accuracy: float) -> None:
        """Learn how accurate an architecture has become, whether it was asked for or not."""
