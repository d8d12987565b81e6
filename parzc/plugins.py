"""Find plug-ins: the file name is the configuration name.

A plug-in is one file in one of the plug-in folders of parzc (`statistics`, `spaces`, ...) with one
export, named in its `__all__`. Nothing registers itself: the folder is the registry. A dotted name
loads a plug-in that lives outside the package.
"""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from typing import Any

__all__ = ["UnknownPluginError", "available", "build", "complete", "load"]


class UnknownPluginError(LookupError):
    """A name that no file in the plug-in folder has."""


def available(kind: str) -> list[str]:
    """List the plug-ins of one folder.

    Args:
        kind: A plug-in folder of parzc, such as `"statistics"` or `"spaces"`.

    Returns:
        The names in alphabetical order.
    """
    folder = importlib.import_module(f"parzc.{kind}")
    return sorted(module.name for module in pkgutil.iter_modules(folder.__path__))


def load(kind: str, name: str) -> Any:
    """Load the one export of a plug-in.

    Args:
        kind: A plug-in folder of parzc.
        name: The file's name, or `package.module` / `package.module:attribute` for a plug-in from
            outside the package. The latter imports that module, so never pass a name read from a
            file that somebody else made.

    Returns:
        The function or class that the file exports.

    Raises:
        UnknownPluginError: If there is no such plug-in; the message lists what there is.
    """
    if "." in name or ":" in name:
        return _load_from_outside(kind, name)
    names = available(kind)
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f", did you mean {close[0]!r}?" if close else "."
        raise UnknownPluginError(f"{kind} has no {name!r}{hint} Available: {', '.join(names)}.")
    return _one_export(importlib.import_module(f"parzc.{kind}.{name}"))


def build(kind: str, spec: Any, **facts: Any) -> Any:
    """Load a plug-in and call it with the options of a specification.

    Args:
        kind: A plug-in folder of parzc.
        spec: A name, or a mapping of `name` and the plug-in's options; anything else is taken for an
            instance that is already built and returned as it is.
        facts: What is known from data, such as the number of classes: passed where the plug-in
            takes it and the specification does not say otherwise.

    Returns:
        The instance.

    Raises:
        UnknownPluginError: If there is no such plug-in.
        TypeError: If an option is unknown or one without a default is missing.
    """
    if isinstance(spec, str):
        spec = {"name": spec}
    if not isinstance(spec, Mapping):
        return spec
    options = dict(spec)
    name = options.pop("name")
    plugin = load(kind, name)
    accepted = inspect.signature(plugin).parameters
    unknown = [option for option in options if option not in accepted]
    if unknown:
        raise TypeError(f"{name} takes the options {', '.join(accepted)}; got {', '.join(unknown)}.")
    return plugin(**{key: value for key, value in facts.items() if key in accepted} | options)


def complete(kind: str, spec: str | Mapping[str, Any]) -> dict[str, Any]:
    """Write a specification out, so that equal ones look equal.

    Args:
        kind: A plug-in folder of parzc.
        spec: A name, or a mapping of `name` and some of the plug-in's options.

    Returns:
        `name` and all options that have a value, the defaults included.

    Raises:
        UnknownPluginError: If there is no such plug-in.
    """
    given = {"name": spec} if isinstance(spec, str) else dict(spec)
    parameters = inspect.signature(load(kind, given["name"])).parameters
    defaults = {key: p.default for key, p in parameters.items() if p.default is not inspect.Parameter.empty}
    return defaults | given


def _load_from_outside(kind: str, name: str) -> Any:
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UnknownPluginError(
            f"{kind}: cannot import {module_name!r} ({error}); give package.module or package.module:name."
        ) from error
    if not attribute:
        return _one_export(module)
    if not hasattr(module, attribute):
        raise UnknownPluginError(f"{kind}: module {module_name!r} has no {attribute!r}.")
    return getattr(module, attribute)


def _one_export(module: Any) -> Any:
    exports = getattr(module, "__all__", [])
    if len(exports) != 1:
        raise UnknownPluginError(
            f"{module.__name__} should name its one export in __all__, found {list(exports)};"
            " write package.module:name to choose."
        )
    return getattr(module, exports[0])
