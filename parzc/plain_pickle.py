"""Read pickled plain values without running what a pickle can contain."""

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np

__all__ = ["read_plain_pickle"]


def read_plain_pickle(data: bytes) -> Any:
    """Read a pickle of numbers, text, tuples, lists, sets and dictionaries.

    A pickle names functions to call while it is read. Here only these can be named: ordered
    dictionaries, sets, bytes, and NumPy's numbers, which become Python's. So nothing in it is
    executed.

    Args:
        data: The pickle.

    Returns:
        The value.

    Raises:
        ValueError: If it is no pickle, or names anything else.
    """
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"it should be a pickle of plain values, and is not: {error}.") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _ALLOWED.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which might run code")
        return found


def _number(kind: np.dtype[Any], data: bytes) -> Any:
    return np.frombuffer(data, kind)[0].item()


_ALLOWED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("_codecs", "encode"): str.encode,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "scalar"): _number,
    ("numpy._core.multiarray", "scalar"): _number,
}
