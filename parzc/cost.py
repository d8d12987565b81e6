"""Count what a network takes, without its weights."""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from parzc.space import Cost

__all__ = ["measure_cost"]


def measure_cost(make: Callable[[], nn.Module], image_shape: Sequence[int]) -> Cost:
    """Count parameters and FLOPs on tensors that have shapes and no contents.

    Args:
        make: Constructs the network.
        image_shape: Channels, height and width of an input.

    Returns:
        Parameters, and the multiply-accumulates of convolutions, linear layers and attention for
        one input. What PyTorch's own counter leaves out is left out: normalisation, pooling,
        activations and biases.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"), torch.no_grad():
        network = make().eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, *image_shape))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Cost(parameters, counter.get_total_flops() // 2)
