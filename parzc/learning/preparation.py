"""What training starts from: a fitted encoding, and a predictor of its shape."""

from collections.abc import Mapping, Sequence
from typing import Any

from parzc import plugins
from parzc.probing.table import Table

__all__ = ["prepare"]

Spec = str | Mapping[str, Any]


def prepare(tables: Sequence[Table], *, encoding: Spec, predictor: Spec) -> tuple[Any, Any]:
    """Fit an encoding, and build a predictor that has its shape.

    Args:
        tables: What to fit the encoding to; no target plays a part.
        encoding: Name, or name and options.
        predictor: The same; it is told the encoding's length, channels and, if there is one, layout.

    Returns:
        Both.

    Raises:
        ValueError: If there is no table.
        LookupError: If there is no such plug-in, or a table lacks a statistic.
    """
    fitted = plugins.build("encodings", encoding)
    fitted.fit(tables)
    facts = {"length": fitted.length, "channels": fitted.channels}
    if hasattr(fitted, "layout"):
        facts["layout"] = fitted.layout
    return fitted, plugins.build("predictors", predictor, **facts)
