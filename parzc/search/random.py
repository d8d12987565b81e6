"""Random search."""

from parzc.probing.table import Architecture
from parzc.searching.candidates import Candidates
from parzc.searching.strategy import NothingLeftError

__all__ = ["RandomSearch"]


class RandomSearch:
    """Random search, with zero-cost warm-up.

    With a warm-up and a budget of one training this is "the best of N" by a proxy, as AZ-NAS selects on
    NAS-Bench-201 and, within a window of parameters, on AutoFormer.

    Args:
        candidates: What to draw from.
        seed: The same seed gives the same order.
        warm_up: How many architectures to score before the first training; these are trained best first, and
            then others at random.

    Source:
        Abdelfattah et al., ICLR 2021 (RAND, RAND + warm-up). Deviation: drawn without replacement.
    """

    def __init__(self, *, candidates: Candidates, seed: int, warm_up: int = 0) -> None:
        self._order = candidates.draw_warm(warm_up, seed)

    def ask(self) -> Architecture:
        """Draw the next architecture.

        Raises:
            NothingLeftError: If the whole space has been asked for.
        """
        for architecture in self._order:
            return architecture
        raise NothingLeftError("every architecture within the constraints has been asked for.")

    def tell(self, architecture: Architecture, accuracy: float) -> None:
        """Learn nothing: random search does not."""
