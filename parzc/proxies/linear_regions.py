"""TE-NAS expressivity: number of linear regions."""

from parzc.probing.table import Table
from parzc.training_free import formula, network_value

__all__ = ["linear_regions"]


@formula("linear_regions")
def linear_regions(table: Table) -> float:
    """How many different activation patterns the samples of a batch show.

    A pattern says of every element of every activation's input whether it is positive. Node value:
    none, one number a network. Input: one mini-batch, no labels (published: Gaussian noise, on a
    network and images made small, since larger ones tell all samples apart). Initialisation: the
    network's own (published: PyTorch's). Training mode. Exact counts in any precision.

    Returns:
        A count from 1 to the size of the batch; higher is better. NaN for a network without
        activation modules.

    Source:
        Chen, Gong & Wang, ICLR 2021 (TE-NAS). Compared with the description of the copy in
        cvlab-yonsei/AZ-NAS. Deviations: exact; every kind of activation counts; the size of network
        and images is the user's.
    """
    return network_value(table, "linear_regions")
