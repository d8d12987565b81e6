"""Use a learned proxy as in its training; elsewhere, set its scale by the networks at hand."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from parzc.aggregate import AggregateProxy
from parzc.probing.table import Table
from parzc.protocol import Proxy
from parzc.proxy import ParametricProxy

__all__ = ["adapt", "choose_reading", "is_at_home", "trained_spaces", "warn_of_guess", "warn_of_readings"]

_READING = ("initialisation", "block_inputs", "compat")
"""Keywords that say how tables are read, whatever the space."""


def trained_spaces(metadata: Mapping[str, Any]) -> list[str]:
    """List the spaces that a proxy was trained on.

    Args:
        metadata: Those of the proxy.

    Returns:
        Names, one for each space; none if the metadata name none.
    """
    settings = [metadata, *(metadata.get("others") or ())]
    return [each["space"]["name"] for each in settings if each.get("space")]


def is_at_home(proxy: Proxy, space: str) -> bool:
    """Tell whether the scale of a proxy is that of a space, or of none in particular.

    Args:
        proxy: Any proxy; an aggregate is at home where all its members are.
        space: The space's name.

    Returns:
        True if what was learned, if anything, was learned on this space alone.
    """
    return all(trained_spaces(leaf.metadata) in ([], [space]) for leaf in _leaves(proxy))


def adapt(proxy: Proxy, tables: Sequence[Table], space: str) -> None:
    """Set a proxy's scale by networks of a space that it does not know yet, and say so.

    No target is needed: features are compared with those of the other networks. What is at home
    there stays as it is.

    Args:
        proxy: Any proxy, just opened: it is changed.
        tables: The networks to compare with.
        space: Name of their space.

    Raises:
        LookupError: If a table lacks a statistic.
    """
    for leaf in _leaves(proxy):
        if isinstance(leaf, ParametricProxy) and not is_at_home(leaf, space):
            leaf.encoding.adapt(tables)
            print(
                f"note: trained on {', '.join(trained_spaces(leaf.metadata))}; its scale was set by the"
                f" {len(tables)} networks of {space} here, and scores hold among these only.",
                file=sys.stderr,
            )


def choose_reading(proxy: Proxy, space: str, typed: Mapping[str, Any]) -> dict[str, Any]:
    """Say how to read tables for a proxy: as typed, else as in training.

    Args:
        proxy: Any proxy.
        space: Name of the networks' space; blocks are named as in training in that space only.
        typed: Keywords of the command, None where nothing was typed.

    Returns:
        `initialisation`, `block_inputs`, `compat` and `blocks`.
    """
    names = (*_READING, "blocks") if is_at_home(proxy, space) else _READING
    trained = {name: proxy.metadata.get(name) for name in names}
    chosen = {name: typed[name] for name in (*_READING, "blocks")}
    return chosen | {name: value for name, value in trained.items() if chosen[name] is None}


def warn_of_readings(proxy: Proxy, typed: Mapping[str, Any]) -> None:
    """Tell what was typed otherwise than in the proxy's training.

    Args:
        proxy: Any proxy.
        typed: Keywords of the command, None where nothing was typed.
    """
    if not proxy.metadata:
        return
    trained = {name: proxy.metadata.get(name) for name in _READING}
    trained["batch"] = proxy.metadata.get("batch", {}).get("size")
    for name, value in trained.items():
        if typed[name] not in (None, value):
            print(
                f"note: {name} is {typed[name]}, but was {value} in training, and scores depend on it.",
                file=sys.stderr,
            )


def warn_of_guess(proxy: Proxy) -> None:
    """Tell that one network alone, of a space that the proxy does not know, cannot set its scale.

    Args:
        proxy: A learned proxy.
    """
    print(
        f"note: trained on {', '.join(trained_spaces(proxy.metadata))}; elsewhere the score of one network"
        " is a guess: score it together with others, or let `parzc transfer` adapt the proxy first.",
        file=sys.stderr,
    )


def _leaves(proxy: Proxy) -> Sequence[Proxy]:
    return proxy.leaves if isinstance(proxy, AggregateProxy) else [proxy]
