"""NASWOT as HNAS has it."""

from parzc.probing.table import Table
from parzc.training_free import formula, network_value

__all__ = ["hnas_naswot"]


@formula("hnas_naswot")
def hnas_naswot(table: Table) -> float:
    r"""How different the samples of a batch are at the inputs of the activations.

    .. math:: \ln \det \sum_l X_l X_l^\top

    X has one row a sample, the input of activation l as it is. Node value: the matrix inside the sum;
    aggregated by the sum over activation modules and the determinant. Input: one mini-batch, no
    labels. Initialisation: the network's own (published: PyTorch's). Training mode, so that batch
    normalisation uses batch statistics. Products in the network's precision, determinant in float64.

    Returns:
        A number in nats, up to the scale of activations; higher is better. NaN for a network in which
        the samples are linearly dependent everywhere, or that has no activation modules.

    Source:
        Shu et al., NeurIPS 2022 (HNAS), where the search does not use it. Compared with
        shuyao95/HNAS. Deviations: those of `parzc.statistics.hnas_naswot`.
    """
    return network_value(table, "hnas_naswot")
