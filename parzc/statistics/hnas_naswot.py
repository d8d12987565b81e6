"""NASWOT as HNAS has it: determinant of the kernel of activations' inputs."""

from jaxtyping import Float
from torch import Tensor

from parzc.kernels import input_kernel, log_determinant
from parzc.probing.node import Node
from parzc.probing.probes import loss_gradient
from parzc.probing.statistic import statistic

__all__ = ["hnas_naswot"]


@statistic(probe=loss_gradient, of="activation", reads="activation", total=log_determinant)
def hnas_naswot(node: Node) -> Float[Tensor, "samples samples"]:
    r"""Logarithm of the determinant of the samples' kernel of activation inputs.

    .. math:: \ln \det \sum_l X_l X_l^\top

    X has one row a sample, the input of activation l as it is: not its pattern, as in
    `parzc.statistics.naswot`.

    Returns:
        The node's part of the sum. The value of the network is in nats up to the scale of activations;
        it grows with their number and with that of samples. Missing where the determinant is 0.

    Source:
        Shu et al., NeurIPS 2022 (HNAS), whose code calls it naswot. Compared with shuyao95/HNAS.
        Deviations: every activation module counts once, not only ReLU; and what works in place is read
        before it does. With `compat=original` modules that merely have ReLU in the name of their class
        count as well, what such a block contains counts twice, and products are in float32.
    """
    return input_kernel(node)
