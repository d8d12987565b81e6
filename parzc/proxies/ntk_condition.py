"""Condition number of the neural tangent kernel of a network."""

from parzc.probing.table import Table
from parzc.training_free import formula, network_value

__all__ = ["ntk_condition"]


@formula("ntk_condition")
def ntk_condition(table: Table) -> float:
    r"""Minus the condition number of the neural tangent kernel.

    .. math:: -\lambda_{\max}(K) / \lambda_{\min}(K), \qquad K = \sum_l G_l G_l^\top

    Node value, aggregation, input, initialisation, mode and dtype are those of
    `parzc.proxies.ntk_trace`.

    Returns:
        At most −1, without unit; higher is better, which is why the sign is turned: the published
        number is positive and wanted small. NaN where the kernel is singular, as of a dead network.

    Source:
        Shu et al., NeurIPS 2022 (HNAS), part of their objective. Compared with shuyao95/HNAS.
        Deviations: the sign; no value where rounding would decide it (the original then gives a huge
        number of either sign, or 100000 for NaN).
    """
    return -network_value(table, "ntk_condition")
