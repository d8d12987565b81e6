"""SynFlow: synaptic saliency of a network."""

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["synflow"]


@formula("synflow")
def synflow(table: Table) -> float:
    r"""Sum of |weight times gradient of the output| without data.

    .. math:: \sum_l \sum_{i \in l} \lvert w_i \, \partial R / \partial w_i \rvert

    R is the sum of the logits for one image of ones, after every parameter and buffer was replaced
    by its absolute value. Node value: the inner sum; aggregated by a plain sum over convolutions and
    linear layers. No data, no labels. Initialisation: the network's own. Batch normalisation is left
    out, layer normalisation stays. Float64; with `compat=original` the network's own precision, as in
    some copies of the code, whose float32 overflows on networks of real size.

    Returns:
        A non-negative number without unit; higher is better. Reaches 1e67 on networks of real size, so
        take its logarithm before averaging or plotting. 0 for a network whose output does not
        depend on its input, NaN if a node's value is not finite.

    Source:
        Tanaka et al., NeurIPS 2020, made a score by Abdelfattah et al., ICLR 2021. Compared with
        SamsungLabs/zero-cost-nas. Deviation: batch normalisation is left out everywhere; in their
        NAS-Bench-201 network the reductions keep it, which makes the value smaller.
    """
    return node_sum(table, "synflow")
