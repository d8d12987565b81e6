"""Networks made by any importable function."""

import ast
import importlib
from collections.abc import Sequence
from random import Random
from typing import Any

from torch import nn

from parzc.cost import measure_cost
from parzc.probing.table import Architecture
from parzc.space import Cost

__all__ = ["Networks"]


class Networks:
    """Networks named by the function that makes them: `package.module:factory(depth=3)`.

    There is nothing to list or sample: name the architectures in a file. Building one imports the
    module and calls the function, so never read the names from a file that you do not trust.
    Initial weights are the factory's own, drawn from the global random state.

    Args:
        image_shape: Channels, height and width of an input; only `cost` runs one.
    """

    def __init__(self, *, image_shape: Sequence[int] = (3, 32, 32)) -> None:
        self.image_shape = tuple(image_shape)

    def architectures(self) -> Sequence[Architecture]:
        """List the space.

        Returns:
            Nothing: the set of all factories has no list.
        """
        return ()

    def sample(self, n: int, seed: int) -> list[Architecture]:
        """Refuse to sample.

        Args:
            n: How many.
            seed: Not used.

        Returns:
            Nothing, for `n` of 0.

        Raises:
            ValueError: For any other `n`: there is no list to draw from.
        """
        if n:
            raise ValueError(
                "the space `networks` has no list to draw from;"
                " give a file with one package.module:factory a line as `architectures`."
            )
        return []

    def build(self, architecture: Architecture) -> nn.Module:
        """Import the factory and call it.

        Args:
            architecture: `package.module:factory`, or `package.module:factory(depth=3, name="a")`
                with literal values.

        Returns:
            The network that the factory returns.

        Raises:
            ValueError: If the notation cannot be read.
            LookupError: If there is no such module or function.
            TypeError: If the result is not an `nn.Module`.
        """
        module_name, factory_name, options = _read(architecture)
        try:
            factory = getattr(importlib.import_module(module_name), factory_name)
        except (ModuleNotFoundError, AttributeError) as error:
            raise LookupError(f"cannot find the factory of {architecture!r}: {error}.") from error
        network = factory(**options)
        if not isinstance(network, nn.Module):
            raise TypeError(f"{architecture} should return an nn.Module, got {type(network).__name__}.")
        return network

    def canonical(self, architecture: Architecture) -> Architecture:
        """Write a name in one way: keywords in alphabetical order, no brackets without any.

        Args:
            architecture: As for `build`. Nothing is imported.

        Returns:
            A notation that is equal for equal calls.

        Raises:
            ValueError: If the notation cannot be read.
        """
        module_name, factory_name, options = _read(architecture)
        written = ", ".join(f"{key}={value!r}" for key, value in sorted(options.items()))
        return Architecture(f"{module_name}:{factory_name}" + (f"({written})" if written else ""))

    def mutate(self, architecture: Architecture, generator: Random) -> Architecture:
        """Return the network itself: what could change in it is not known.

        Args:
            architecture: As for `build`.
            generator: Not used.

        Returns:
            The notation in its canonical form.

        Raises:
            ValueError: If the notation cannot be read.
        """
        return self.canonical(architecture)

    def neighbours(self, architecture: Architecture) -> Sequence[Architecture]:
        """List nothing: what could change in a network is not known.

        Args:
            architecture: As for `build`.

        Returns:
            Nothing.

        Raises:
            ValueError: If the notation cannot be read.
        """
        self.canonical(architecture)
        return ()

    def cost(self, architecture: Architecture) -> Cost:
        """Count parameters and FLOPs, without making weights.

        Args:
            architecture: As for `build`.

        Returns:
            The counts, see `parzc.cost.measure_cost`.

        Raises:
            ValueError: If the notation cannot be read.
            LookupError: If there is no such module or function.
        """
        return measure_cost(lambda: self.build(architecture), self.image_shape)


def _read(architecture: str) -> tuple[str, str, dict[str, Any]]:
    module_name, _, call = architecture.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise _unreadable(architecture)
    try:
        expression = ast.parse(call.strip(), mode="eval").body
        match expression:
            case ast.Name(id=name):
                return module_name, name, {}
            case ast.Call(func=ast.Name(id=name), args=[], keywords=words):
                options = {_keyword(word): ast.literal_eval(word.value) for word in words}
                return module_name, name, options
            case _:
                raise _unreadable(architecture)
    except (SyntaxError, ValueError) as error:
        raise _unreadable(architecture) from error


def _keyword(word: ast.keyword) -> str:
    if word.arg is None:
        raise ValueError("a network's options are written one by one, not as **options.")
    return word.arg


def _unreadable(architecture: str) -> ValueError:
    return ValueError(
        "a network should read package.module:factory or package.module:factory(depth=3)"
        f" with literal values, got {architecture!r}."
    )
