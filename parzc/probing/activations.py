"""Which modules are activations."""

import re

from torch import nn

__all__ = ["ACTIVATIONS", "is_activation"]

ACTIVATIONS: tuple[type[nn.Module], ...] = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.RReLU,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
    nn.Threshold,
)
"""Those of `torch.nn` that work element by element, subclasses (ReLU6) included. Softmax normalises
and GLU gates one half of the channels by the other: neither is one."""

# Class names of other packages: transformers' GELUActivation, QuickGELUActivation, timm's Swish ...
_NAME = re.compile(r"(Activation|[A-Z]?ELU|ReLU6?|SiLU|Swish|Mish|Sigmoid|Tanh|Softplus)$", re.IGNORECASE)
_NAMED_OTHERWISE = frozenset({"LinearActivation"})  # transformers' name for the identity


def is_activation(module: nn.Module) -> bool:
    """Tell whether a module is an element-wise non-linearity.

    Modules of other packages are known by their class's name, if they have neither modules inside
    nor a weight of two or more dimensions.

    Args:
        module: Any.

    Returns:
        True for those of `ACTIVATIONS` and for the likes of transformers' `GELUActivation`.
    """
    if isinstance(module, ACTIVATIONS):
        return True
    name = type(module).__name__
    return (
        _NAME.search(name) is not None
        and name not in _NAMED_OTHERWISE
        and not any(True for _ in module.children())
        and all(parameter.dim() < 2 for parameter in module.parameters())
    )
