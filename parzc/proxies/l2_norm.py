"""Weight norm of a network."""

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["l2_norm"]


@formula("l2_norm")
def l2_norm(table: Table) -> float:
    r"""Sum of the norms of the nodes' weights.

    .. math:: \sum_l \lVert W_l \rVert_2

    Node value: the norm of its weight; aggregated by a plain sum over convolutions and linear
    layers. Needs no input; initialisation and dtype: the network's own.

    Returns:
        A non-negative number in units of weight; higher is better. 0 for a network without weights.

    Source:
        Public code SamsungLabs/zero-cost-nas of Abdelfattah et al., ICLR 2021, where it exists but is
        not loaded. Deviation: none.
    """
    return node_sum(table, "l2_norm")
