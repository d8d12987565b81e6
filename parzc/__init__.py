"""Learned zero-cost proxies: predict how well a network will do, without training it.

The public names are imported when they are first used, so that `parzc --help` does not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parzc.attribution import importance
    from parzc.measures import find_measures
    from parzc.probing.extract import extract
    from parzc.probing.table import Table
    from parzc.proxy import ParametricProxy, load_proxy

__all__ = [
    "ParametricProxy",
    "Table",
    "__version__",
    "extract",
    "find_measures",
    "importance",
    "load_proxy",
]

__version__ = "0.1.0"

_HOMES = {
    "ParametricProxy": "parzc.proxy",
    "Table": "parzc.probing.table",
    "extract": "parzc.probing.extract",
    "find_measures": "parzc.measures",
    "importance": "parzc.attribution",
    "load_proxy": "parzc.proxy",
}


def __getattr__(name: str) -> Any:
    """Import a public name from the module it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module 'parzc' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
