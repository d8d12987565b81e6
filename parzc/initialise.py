"""Initialise a network: so that equal functions get equal weights, and as published proxies ask for it."""

import hashlib
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from parzc.probing.node import CONVOLUTIONS
from parzc.probing.table import Architecture
from parzc.space import Space

__all__ = ["Initialised", "Scheme", "initialise_by_name", "reinitialise"]

Scheme = Literal["kaiming", "gaussian"]


def initialise_by_name(make: Callable[[], nn.Module]) -> nn.Module:
    """Make a network and draw the weights of each module from a seed of its own.

    With one random stream for the whole network, an operation that has no influence on the output
    still shifts the numbers that all later operations draw, so two networks that compute the same
    function get different weights. Here the stream of a module depends on the global seed and on
    the module's name only. The distributions stay those of the modules' own `reset_parameters`.

    Args:
        make: Constructs the network. Parameters of modules without `reset_parameters` keep the
            values that it gives them, so name such parameters in a module that has it.

    Returns:
        The network.
    """
    base = int(torch.randint(2**31, (), device="cpu"))
    # Constructing draws numbers too, more for some networks than for others: hence after `base`, in a fork.
    with torch.random.fork_rng(devices=[]):
        network = make()
        for name, module in network.named_modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                torch.manual_seed(_seed(base, name))
                reset()
    return network


def reinitialise(network: nn.Module, scheme: Scheme) -> None:
    """Draw the weights of a network anew, in place, as a published proxy does.

    Weights of convolutions, linear layers and attention projections are normal with mean 0; their
    biases become 0, scales of normalisation 1 and its shifts 0. Everything else, such as embeddings
    and class tokens, stays. Each module has a stream of its own, as in `initialise_by_name`.

    Args:
        network: Any.
        scheme: `kaiming` for the standard deviation sqrt(2 / fan-in) (AZ-NAS), `gaussian` for 1
            (Zen-NAS).
    """
    base = int(torch.randint(2**31, ()))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for name, module in network.named_modules():
            torch.manual_seed(_seed(base, name))
            if isinstance(module, _NORMS):
                _set(module, weight=1.0, bias=0.0)
            elif isinstance(module, _WEIGHTED):
                for key, parameter in module.named_parameters(recurse=False):
                    _draw(key, parameter, scheme)


class Initialised:
    """A space whose networks are initialised in a published way instead of their own.

    Args:
        space: The space.
        scheme: As for `reinitialise`.
    """

    def __init__(self, space: Space, scheme: Scheme) -> None:
        self.space = space
        self.scheme = scheme

    def __getattr__(self, name: str) -> Any:
        """Be the space in everything but `build`."""
        if name == "space":  # not there yet: this object is being copied or sent to a process
            raise AttributeError(name)
        return getattr(self.space, name)

    def build(self, architecture: Architecture) -> nn.Module:
        """Build a network and draw its weights anew."""
        network = self.space.build(architecture)
        reinitialise(network, self.scheme)
        return network


_NORMS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.GroupNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.LayerNorm,
)
_WEIGHTED = (*CONVOLUTIONS, nn.Linear, nn.MultiheadAttention)


def _set(module: nn.Module, **values: float) -> None:
    for key, value in values.items():
        parameter = getattr(module, key, None)
        if isinstance(parameter, Tensor):
            parameter.fill_(value)


def _draw(key: str, parameter: Tensor, scheme: Scheme) -> None:
    if "bias" in key:
        parameter.zero_()
    elif scheme == "gaussian":
        parameter.normal_()
    else:
        nn.init.kaiming_normal_(parameter, mode="fan_in", nonlinearity="relu")


def _seed(base: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{base}/{name}".encode()).digest()[:7], "little")
