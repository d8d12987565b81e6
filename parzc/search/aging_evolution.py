"""Aging evolution."""

from collections import deque
from random import Random

from parzc.probing.table import Architecture
from parzc.searching.candidates import Candidates

__all__ = ["AgingEvolution"]


class AgingEvolution:
    """Aging (regularised) evolution, with zero-cost warm-up and move.

    The best of a random tournament has a mutant, which joins the population; the oldest leaves it.

    Args:
        candidates: What to draw from.
        seed: Of all random choices.
        population: How many were trained last and can be parents.
        tournament: How many of them compete for being the parent.
        warm_up: How many architectures to score before the first training; the population starts with the
            best of them.
        move: How many mutants to choose among by the proxy; 0 for a mutant at random.
        explore: Probability that a mutant is taken at random all the same.

    Source:
        Real et al., AAAI 2019; warm-up and move as in Abdelfattah et al., ICLR 2021 (their population 64,
        tournament 10). Deviations: the population starts without repetitions; in a large
        neighbourhood a move looks at a sample.
    """

    def __init__(
        self,
        *,
        candidates: Candidates,
        seed: int,
        population: int = 64,
        tournament: int = 10,
        warm_up: int = 0,
        move: int = 0,
        explore: float = 0.25,
    ) -> None:
        if population < 1 or tournament < 1:
            raise ValueError(
                f"population and tournament should be at least 1, got {population} and {tournament}."
            )
        self._candidates = candidates
        self._generator = Random(seed)
        self._first = candidates.draw_warm(warm_up, seed)
        self._to_draw = population
        self._tournament, self._move, self._explore = tournament, move, explore
        self._population: deque[tuple[float, Architecture]] = deque(maxlen=population)

    def ask(self) -> Architecture:
        """Draw the first population, then a mutant of the best of a tournament."""
        if self._to_draw or not self._population:
            self._to_draw = max(0, self._to_draw - 1)
            for architecture in self._first:
                return architecture
            self._to_draw = 0  # the space is smaller than the population
        return self._mutant(self._parent())

    def tell(self, architecture: Architecture, accuracy: float) -> None:
        """Let an architecture join the population, and the oldest leave it."""
        self._population.append((accuracy, architecture))

    def _parent(self) -> Architecture:
        size = min(self._tournament, len(self._population))
        return max(self._generator.sample(self._population, size), key=lambda member: member[0])[1]

    def _mutant(self, parent: Architecture) -> Architecture:
        if not self._move:
            return self._candidates.mutate(parent, self._generator)
        return self._candidates.move(parent, self._generator, among=self._move, explore=self._explore)
