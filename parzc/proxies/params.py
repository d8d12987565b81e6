"""Parameter count."""

from parzc.probing.table import Table
from parzc.training_free import formula

__all__ = ["params"]


@formula()
def params(table: Table) -> float:
    """Number of parameters of the network.

    Weights, biases and normalisation parameters of the network as it was built; parameters without
    influence on the output count too. Needs no input, initialisation or mode.

    Returns:
        A count; more is taken to be better. 0 for a network without parameters.

    Source:
        The baseline of every study, for example Ning et al., NeurIPS 2021. Deviation: none.
    """
    return float(table.network["parameters"])
