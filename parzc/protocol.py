"""What every proxy is: from a network, or from tables, to scores."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from torch import nn

from parzc.probing.passes import Batch
from parzc.probing.table import Table

__all__ = ["Proxy"]


@runtime_checkable
class Proxy(Protocol):
    """What parametric proxies, training-free ones and aggregates have in common."""

    @property
    def statistics(self) -> tuple[str, ...]:
        """Statistics to extract, by the names that `parzc.extract` takes."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Where the proxy comes from, in plain values; empty for a training-free proxy."""

    def __call__(self, network: nn.Module, batch: Batch, *, second_batch: Batch | None = None) -> float:
        """Score a network; higher is better."""

    def predict(
        self, tables: Sequence[Table]
    ) -> tuple[Float[np.ndarray, " tables"], Float[np.ndarray, " tables"]]:
        """Score tables, with a standard deviation each."""
