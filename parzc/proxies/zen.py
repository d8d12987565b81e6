"""Zen-score: Gaussian complexity of the features."""

from parzc.probing.table import Table
from parzc.training_free import formula, network_value

__all__ = ["zen"]


@formula("zen")
def zen(table: Table) -> float:
    r"""How much a disturbed input disturbs the last feature map.

    .. math:: \ln \mathbb{E}_n \lVert f(x_n) - f(x_n + 0.01\, x'_n) \rVert_1
              + \sum_l \ln \sqrt{\operatorname{mean}_c \hat\sigma^2_{lc}}

    f is the last feature map before pooling, x' Gaussian noise, σ² the running variance of batch
    normalisation l, which puts back the scale that it took away. Node value: a term of the second sum;
    aggregated by a plain sum. Input: one mini-batch, no labels (published: Gaussian noise). Initialisation:
    the network's own (published: N(0, 1), by `initialisation=gaussian`). Training mode. Dtype: the
    network's own.

    Returns:
        A number without unit; higher is better. NaN for a network whose features do not depend on the
        input, or that has no feature map.

    Source:
        Lin et al., ICCV 2021 (Zen-NAS). Compared with idstcv/ZenNAS. Deviation: one repetition, on the
        batch given.
    """
    return network_value(table, "zen")
