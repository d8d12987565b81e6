"""Initialise a network so that equal functions get equal weights."""

import hashlib
from collections.abc import Callable

import torch
from torch import nn

__all__ = ["initialise_by_name"]


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
    base = int(torch.randint(2**31, ()))
    # Constructing draws numbers too, more for some networks than for others: hence after `base`, in a fork.
    with torch.random.fork_rng(devices=[]):
        network = make()
        for name, module in network.named_modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                torch.manual_seed(_seed(base, name))
                reset()
    return network


def _seed(base: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{base}/{name}".encode()).digest()[:7], "little")
