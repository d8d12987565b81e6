"""Make a configuration schema from a signature, so that a default is written once."""

import inspect
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, make_dataclass
from enum import Enum
from functools import reduce
from operator import or_
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

__all__ = ["REQUIRED", "as_annotated", "options", "schema", "takes_only_lists", "takes_only_text"]

REQUIRED = "???"
"""The value of an option that has no default and that a person has to give."""

_PLAIN = (bool, int, float, str)
_SEQUENCES = (list, tuple, Sequence)
_UNIONS = (Union, types.UnionType)


def options(target: Callable[..., Any], facts: Collection[str] = ()) -> dict[str, inspect.Parameter]:
    """List what a person can choose when this is called.

    Args:
        target: A command or a plug-in: a function or a class.
        facts: Parameters that are read from the data and never chosen.

    Returns:
        The parameters by name, without facts, `*args`, `**kwargs` and those whose default cannot be
        written in a configuration file (a function, a tensor).
    """
    return {
        name: parameter
        for name, parameter in inspect.signature(target).parameters.items()
        if name not in facts
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and (parameter.default is parameter.empty or _is_plain(parameter.default))
    }


def schema(
    target: Callable[..., Any], facts: Collection[str] = (), *, untyped: Collection[str] = (), **fixed: str
) -> type[Any]:
    """Make a dataclass of a callable's options, with types that OmegaConf checks.

    Args:
        target: A command or a plug-in.
        facts: As in `options`.
        untyped: Options whose value is checked elsewhere.
        fixed: Further fields and their values, such as a plug-in's `name`.

    Returns:
        A dataclass; options without default have the value `REQUIRED`.
    """
    fields: list[tuple[str, Any, Any]] = [(name, str, field(default=value)) for name, value in fixed.items()]
    for name, parameter in options(target, facts).items():
        kind = Any if name in untyped else _checked_type(name, parameter.annotation)
        fields.append((name, kind, _default(parameter.default)))
    return make_dataclass(getattr(target, "__name__", "Options"), fields)


def as_annotated(target: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn lists, the only sequence in a configuration, into tuples where the signature says so."""
    parameters = inspect.signature(target).parameters
    return {
        name: tuple(value)
        if isinstance(value, list) and name in parameters and _wants_tuple(parameters[name].annotation)
        else value
        for name, value in values.items()
    }


def takes_only_text(annotation: object) -> bool:
    """Tell whether every value other than `None` is text or a path."""
    return all(member is str or _is_path(member) for member in _members(annotation))


def takes_only_lists(annotation: object) -> bool:
    """Tell whether every value other than `None` is a sequence of several."""
    return all(get_origin(member) in _SEQUENCES for member in _members(annotation))


def _members(annotation: object) -> list[Any]:
    """List what a union allows beside `None`; a plain type is a union of one."""
    parts = get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)
    return [part for part in parts if part is not types.NoneType]


def _checked_type(name: str, annotation: Any) -> Any:
    """Give the type that OmegaConf should check, `Any` where it knows none."""
    if annotation in _PLAIN or annotation is Path:
        return annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal and all(isinstance(choice, str) for choice in arguments):
        return Enum(name, {choice: choice for choice in arguments})
    if origin in _SEQUENCES:
        return list[_element_type(name, arguments)]  # type: ignore[misc]
    if origin in _UNIONS:
        return _checked_union(name, arguments)
    return Any


def _element_type(name: str, arguments: tuple[Any, ...]) -> Any:
    kinds = {_checked_type(name, argument) for argument in arguments if argument is not Ellipsis}
    return kinds.pop() if len(kinds) == 1 else Any


def _checked_union(name: str, arguments: tuple[Any, ...]) -> Any:
    optional = types.NoneType in arguments
    members = [argument for argument in arguments if argument is not types.NoneType]
    if str in members:  # a path given as text is fine wherever a path is
        members = [member for member in members if not _is_path(member)]
    if len(members) == 1:
        single = _checked_type(name, members[0])
    elif all(member in _PLAIN for member in members):
        single = reduce(or_, members)
    else:
        return Any
    return single | None if optional and single is not Any else single


def _is_path(annotation: Any) -> bool:
    return annotation is Path or annotation is PathLike or get_origin(annotation) is PathLike


def _wants_tuple(annotation: object) -> bool:
    return any(get_origin(member) is tuple for member in _members(annotation))


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (*_PLAIN, Path))


def _default(value: Any) -> Any:
    if value is inspect.Parameter.empty:
        return field(default=REQUIRED)
    if isinstance(value, list | tuple):
        return field(default_factory=lambda: list(value))
    if isinstance(value, Mapping):
        return field(default_factory=lambda: dict(value))
    return field(default=value)
