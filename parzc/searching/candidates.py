"""What a search strategy draws from: a space, constraints and a proxy."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from random import Random

import numpy as np
from jaxtyping import Float

from parzc.probing.table import Architecture, Table
from parzc.space import Space, draw

__all__ = ["Candidates", "Draws", "Measure", "Read", "Score"]

Score = Callable[[Sequence[Architecture]], Float[np.ndarray, " architectures"]]
"""From architectures to scores: higher is better, NaN where there is none."""

Draws = Callable[[Sequence[Architecture]], Float[np.ndarray, "architectures draws"] | None]
"""From architectures to draws of their scores, if the proxy has a posterior."""

Measure = Callable[[Sequence[Architecture]], Float[np.ndarray, "proxies architectures"]]
"""From architectures to scores by several proxies."""

Read = Callable[[Sequence[Architecture], Sequence[str]], Mapping[Architecture, Table]]
"""From architectures and names of statistics to tables, without those that cannot be read."""

_FIRST = 64
_TRIES = 1000
_HOPELESS = 100_000


class Candidates:
    """The architectures of a space that may be trained, and what a proxy thinks of them.

    Args:
        space: The search space.
        among: All that may be trained, where that is not the whole space.
        allows: Tells whether an architecture may be trained; all may by default.
        score: A proxy, for zero-cost warm-up and moves; without one neither can be asked for.
        draws: Draws scores from the posterior of that proxy, if it has one.
        measure: Opens training-free proxies by name, for strategies that combine several.
        read: Reads tables, for strategies that learn from them.
    """

    def __init__(
        self,
        space: Space,
        *,
        among: Sequence[Architecture] | None = None,
        allows: Callable[[Architecture], bool] | None = None,
        score: Score | None = None,
        draws: Draws | None = None,
        measure: Callable[[Sequence[str]], Measure] | None = None,
        read: Read | None = None,
    ) -> None:
        self.space = space
        self._among = None if among is None else dict.fromkeys(among)
        self._within = allows
        self._score, self._draws, self._measure, self._read = score, draws, measure, read

    def allows(self, architecture: Architecture) -> bool:
        """Tell whether an architecture may be trained."""
        if self._among is not None and architecture not in self._among:
            return False
        return self._within is None or self._within(architecture)

    def score(self, architectures: Sequence[Architecture]) -> Float[np.ndarray, " architectures"]:
        """Score architectures with the proxy.

        Args:
            architectures: Which.

        Returns:
            Higher is better; NaN where the proxy has no score.

        Raises:
            ValueError: If the search has no proxy.
        """
        if self._score is None:
            raise ValueError("warm-up and moves choose by a proxy, and this search has none; say proxy=….")
        return self._score(architectures)

    def draws(self, architectures: Sequence[Architecture]) -> Float[np.ndarray, "architectures draws"] | None:
        """Draw scores from the posterior of the proxy.

        Args:
            architectures: Which.

        Returns:
            Draws in the unit of the scores; nothing if the proxy is certain.
        """
        return None if self._draws is None else self._draws(architectures)

    def proxies(self, names: Sequence[str]) -> Measure:
        """Open training-free proxies.

        Args:
            names: Which.

        Returns:
            From architectures to a row of scores for each proxy.

        Raises:
            ValueError: If the search has nothing to read networks on.
        """
        if self._measure is None:
            raise ValueError(f"{', '.join(names)} read networks on images; say data=… or features=….")
        return self._measure(names)

    def tables(
        self, architectures: Sequence[Architecture], statistics: Sequence[str]
    ) -> Mapping[Architecture, Table]:
        """Read architectures.

        Args:
            architectures: Which.
            statistics: Names of statistics that the tables need to have.

        Returns:
            Their tables, without those that cannot be read.

        Raises:
            ValueError: If the search has nothing to read networks on.
        """
        if self._read is None:
            raise ValueError("the strategy learns from what is read from networks; say data=… or features=….")
        return self._read(architectures, statistics)

    def pool(self, size: int, seed: int) -> list[Architecture]:
        """Draw architectures to choose from.

        Args:
            size: How many; all there are if there are fewer.
            seed: As for `draw`.

        Returns:
            Different architectures, one of those that compute the same.

        Raises:
            ValueError: If fewer than one is asked for.
        """
        if size < 1:
            raise ValueError(f"pool should be at least 1, got {size}.")
        kept: dict[Architecture, Architecture] = {}
        for architecture in self.draw(seed):
            kept.setdefault(self.space.canonical(architecture), architecture)
            if len(kept) == size:
                break
        return list(kept.values())

    def draw(self, seed: int) -> Iterator[Architecture]:
        """Draw allowed architectures without repetition.

        Args:
            seed: The same seed gives the same order.

        Yields:
            As many as the space has.

        Raises:
            ValueError: If 100,000 in a row are not allowed.
        """
        rejected = 0
        for architecture in _stream(self.space, self._among, seed):
            if self.allows(architecture):
                rejected = 0
                yield architecture
                continue
            rejected += 1
            if rejected == _HOPELESS:
                raise ValueError(
                    f"some architectures should be within the constraints, but {_HOPELESS:,} drawn in a row"
                    f" are not, the last of them {architecture!r}; loosen the constraints."
                )

    def draw_warm(self, warm_up: int, seed: int) -> Iterator[Architecture]:
        """Draw architectures, the first of them in the order of the proxy.

        Args:
            warm_up: How many to score before the first training; 0 for none.
            seed: As for `draw`.

        Yields:
            As `draw`, but the first `warm_up` best first.

        Raises:
            ValueError: If there is a warm-up and no proxy.

        Source:
            Abdelfattah et al., ICLR 2021, zero-cost warm-up.
        """
        drawn = self.draw(seed)
        if warm_up:
            yield from self.rank(list(islice(drawn, warm_up)))
        yield from drawn

    def rank(self, architectures: Sequence[Architecture]) -> list[Architecture]:
        """Sort by the proxy.

        Args:
            architectures: Which.

        Returns:
            Best first, those without a score last, equal ones as they were.

        Raises:
            ValueError: If there is no proxy.
        """
        if not architectures:
            return []
        scores = self.score(architectures)
        order = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), kind="stable")
        return [architectures[index] for index in order.tolist()]

    def mutate(self, architecture: Architecture, generator: Random) -> Architecture:
        """Change an architecture in one place, at random, within the constraints.

        Args:
            architecture: What to start from.
            generator: Draws the change.

        Returns:
            An allowed mutant; where a thousand tries find none, any allowed architecture.
        """
        for _ in range(_TRIES):
            mutant = self.space.mutate(architecture, generator)
            if self.allows(mutant):
                return mutant
        return next(self.draw(generator.randrange(2**31)))

    def move(
        self, architecture: Architecture, generator: Random, *, among: int, explore: float
    ) -> Architecture:
        """Choose among mutants by the proxy.

        Args:
            architecture: What to start from.
            generator: Draws the mutants.
            among: How many mutants to score: all neighbours if there are no more, else that many at random.
            explore: Probability of taking a mutant at random instead.

        Returns:
            The mutant with the highest score, within the constraints.

        Raises:
            ValueError: If there is no proxy.

        Source:
            Abdelfattah et al., ICLR 2021, zero-cost move: all neighbours, and one at random with
            probability 0.25. Deviation: a large neighbourhood is sampled.
        """
        if generator.random() < explore:
            return self.mutate(architecture, generator)
        neighbours = list(self.space.neighbours(architecture))
        if len(neighbours) > among:
            neighbours = generator.sample(neighbours, among)
        allowed = [neighbour for neighbour in neighbours if self.allows(neighbour)]
        return self.rank(allowed)[0] if allowed else self.mutate(architecture, generator)


def _stream(space: Space, among: Collection[Architecture] | None, seed: int) -> Iterator[Architecture]:
    """Draw without end or repetition: a small sample is the start of a larger one."""
    if among is not None:
        yield from draw(list(among), len(among), seed)
        return
    listed = len(space.architectures())
    known, size = 0, _FIRST
    while not listed or known < listed:
        size = min(size, listed) if listed else size
        yield from space.sample(size, seed)[known:]
        known, size = size, 2 * size
