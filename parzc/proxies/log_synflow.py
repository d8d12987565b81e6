"""Logarithm of SynFlow."""

import math

from parzc.probing.table import Table
from parzc.training_free import formula, node_sum

__all__ = ["log_synflow"]


@formula("synflow")
def log_synflow(table: Table) -> float:
    r"""Natural logarithm of `synflow`, whose scale no regression can use.

    .. math:: \ln \sum_l \sum_{i \in l} \lvert w_i \, \partial R / \partial w_i \rvert

    Node value, aggregation, input, initialisation, mode and dtype are those of
    `parzc.proxies.synflow`, and so is the order of networks.

    Returns:
        A number without unit; higher is better. Minus infinity for a network whose output does not
        depend on its input, NaN if a node's value is not finite.

    Source:
        Advised by Abdelfattah et al., ICLR 2021, who normalise before they regress. Deviations: those of
        `parzc.proxies.synflow`.
    """
    total = node_sum(table, "synflow")
    return math.log(total) if total else -math.inf
