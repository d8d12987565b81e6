"""Search spaces whose architectures answer a fixed list of questions."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from random import Random
from typing import Any, ClassVar

from torch import nn

from parzc.cost import measure_cost
from parzc.initialise import initialise_by_name
from parzc.probing.table import Architecture
from parzc.space import Cost, draw, draw_new

__all__ = ["Choice", "ChoiceSpace"]

Choice = int | float | str

_LISTABLE = 100_000


class ChoiceSpace(ABC):
    """A space of independent choices; everything a space offers follows from `choices` and `network`.

    An architecture is written `depth:3-width:32`. A benchmark with a notation of its own replaces
    `read` and `write`.

    Args:
        classes: Outputs of the classifier.
        image_shape: Channels, height and width of an input.

    Attributes:
        choices: What there is to choose and the options of each; the first varies slowest.
    """

    choices: ClassVar[Mapping[str, Sequence[Choice]]]

    def __init__(self, *, classes: int, image_shape: Sequence[int]) -> None:
        self.classes = classes
        self.image_shape = tuple(image_shape)

    @abstractmethod
    def network(self, *args: Any, **chosen: Any) -> nn.Module:
        """Construct the network of one option each, given by the names of `choices`."""

    def allowed(self, values: Sequence[Choice]) -> bool:
        """Say whether options go together; all do unless a space knows better."""
        return True

    def read(self, architecture: Architecture) -> tuple[Choice, ...]:
        """Read the notation.

        Raises:
            ValueError: If it cannot be read; the message shows what one looks like.
        """
        parts = [part.partition(":") for part in architecture.split("-")]
        if [name for name, _, _ in parts] == list(self.choices):
            options = ({str(option): option for option in options} for options in self.choices.values())
            values = [known.get(text) for known, (_, _, text) in zip(options, parts, strict=True)]
            found = tuple(value for value in values if value is not None)
            if len(found) == len(values) and self.allowed(found):
                return found
        example = "-".join(f"{name}:{options[0]}" for name, options in self.choices.items())
        known = "; ".join(f"{name} {', '.join(map(str, all_))}" for name, all_ in self.choices.items())
        raise ValueError(
            f"an architecture should read {example}, with options from {known}; got {architecture!r}."
        )

    def write(self, values: Sequence[Choice]) -> Architecture:
        """Write options down, in the order of `choices`."""
        named = zip(self.choices, values, strict=True)
        return Architecture("-".join(f"{name}:{value}" for name, value in named))

    def architectures(self) -> Sequence[Architecture]:
        """List the whole space, the last choice varying fastest.

        Returns:
            All notations, or none if there are more than 100,000.
        """
        if prod(len(options) for options in self.choices.values()) > _LISTABLE:
            return []
        combinations = itertools.product(*self.choices.values())
        return [self.write(values) for values in combinations if self.allowed(values)]

    def sample(self, n: int, seed: int) -> list[Architecture]:
        """Draw architectures without repetition.

        Args:
            n: How many.
            seed: The same seed gives the same order: a smaller sample is the start of a larger one.

        Returns:
            The notations, all equally likely.

        Raises:
            ValueError: If more are asked for than the space holds.
        """
        listed = self.architectures()
        return draw(listed, n, seed) if listed else draw_new(self._random, n, seed)

    def build(self, architecture: Architecture) -> nn.Module:
        """Build the network of one architecture.

        Args:
            architecture: The notation.

        Returns:
            A network from images to logits, initialised from the global random state.

        Raises:
            ValueError: If the notation cannot be read.
        """
        return initialise_by_name(lambda: self._construct(architecture))

    def canonical(self, architecture: Architecture) -> Architecture:
        """Check the notation: by default no two of them compute the same function.

        Args:
            architecture: The notation.

        Returns:
            The same notation.

        Raises:
            ValueError: If it cannot be read.
        """
        return self.write(self.read(architecture))

    def mutate(self, architecture: Architecture, generator: Random) -> Architecture:
        """Choose one thing anew.

        Args:
            architecture: The notation.
            generator: Draws which neighbour.

        Returns:
            One of `neighbours`: first the place is drawn, then the option. The architecture itself
            if there is none.

        Raises:
            ValueError: If the notation cannot be read.
        """
        by_place = [found for found in self._neighbours(self.read(architecture)) if found]
        if not by_place:
            return architecture
        return self.write(generator.choice(generator.choice(by_place)))

    def neighbours(self, architecture: Architecture) -> Sequence[Architecture]:
        """List the architectures that differ in one choice.

        Args:
            architecture: The notation.

        Returns:
            Their notations.

        Raises:
            ValueError: If the notation cannot be read.
        """
        values = self.read(architecture)
        return [self.write(found) for place in self._neighbours(values) for found in place]

    def cost(self, architecture: Architecture) -> Cost:
        """Count parameters and FLOPs, without making weights.

        Args:
            architecture: The notation.

        Returns:
            The counts of the network that `build` makes, see `parzc.cost.measure_cost`.

        Raises:
            ValueError: If the notation cannot be read.
        """
        return measure_cost(lambda: self._construct(architecture), self.image_shape)

    def _construct(self, architecture: Architecture) -> nn.Module:
        return self.network(**dict(zip(self.choices, self.read(architecture), strict=True)))

    def _random(self, generator: Random) -> Architecture:
        while True:
            values = [generator.choice(options) for options in self.choices.values()]
            if self.allowed(values):
                return self.write(values)

    def _neighbours(self, values: Sequence[Choice]) -> Iterator[list[tuple[Choice, ...]]]:
        for place, options in enumerate(self.choices.values()):
            changed = [(*values[:place], option, *values[place + 1 :]) for option in options]
            yield [new for new in changed if new != tuple(values) and self.allowed(new)]
