"""The operations that cells are made of, by their customary names."""

import torch
from torch import Tensor, nn

__all__ = ["FactorizedReduce", "ReLUConvBN", "Zero", "make_operation"]


class Zero(nn.Module):
    """`none`: multiplies by zero, which keeps the operation in the graph.

    Args:
        stride: 2 halves the image, rounding up.
        channels: Width of the output; by default that of the input.
    """

    def __init__(self, stride: int = 1, channels: int | None = None) -> None:
        super().__init__()
        self.stride = stride
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Give zeros of the output's shape."""
        zeros = x[:, :, :: self.stride, :: self.stride] * 0
        return zeros if self.channels is None else zeros[:, :1].expand(-1, self.channels, -1, -1)


class ReLUConvBN(nn.Module):
    """ReLU, convolution, batch normalisation.

    Args:
        channels_in: Width of the input.
        channels_out: Width of the output.
        kernel: Side of the kernel, odd; the image keeps its size but for the stride.
        stride: Of the convolution.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
        self.op = nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the three."""
        out: Tensor = self.op(x)
        return out


class FactorizedReduce(nn.Module):
    """A skip connection that halves the image: even and odd pixels each make half of the channels.

    Args:
        channels_in: Width of the input.
        channels_out: Width of the output, even.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.conv_1 = nn.Conv2d(channels_in, channels_out // 2, 1, stride=2, bias=False)
        self.conv_2 = nn.Conv2d(channels_in, channels_out // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(channels_out)
        self.pad = nn.ZeroPad2d((0, 1, 0, 1))  # an odd side has one odd pixel less than even ones

    def forward(self, x: Tensor) -> Tensor:
        """Halve the image, rounding up."""
        x = self.relu(x)
        both = [self.conv_1(x), self.conv_2(self.pad(x)[:, :, 1:, 1:])]
        out: Tensor = self.bn(torch.cat(both, 1))
        return out


def make_operation(name: str, channels: int, stride: int) -> nn.Module:
    """Construct one operation of a cell.

    Args:
        name: Such as `sep_conv_3x3`, `dil_conv_5x5`, `dil_sep_conv_3x3`, `conv_1x1`, `conv_7x1_1x7`,
            `max_pool_3x3`, `avg_pool_3x3`, `skip_connect` or `none`.
        channels: Width of input and output.
        stride: 2 halves the image, rounding up.

    Returns:
        The operation; convolutions come after a ReLU and end in a batch normalisation.

    Raises:
        ValueError: If there is no operation of that name.

    Source:
        Liu, Simonyan & Yang, ICLR 2019, and Radosavovic et al., ICCV 2019; layers and their order
        compared with the public networks of DARTS and of pycls. Every convolution is without bias,
        average pooling leaves the border out, pooling is not normalised.
    """
    if name == "none":
        return Zero(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    kind, _, size = name.rpartition("_")
    kernel = int(size[-1])
    match kind:
        case "max_pool":
            return nn.MaxPool2d(kernel, stride, kernel // 2)
        case "avg_pool":
            return nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)
        case "conv":
            return ReLUConvBN(channels, channels, kernel, stride)
        case "conv_3x1" | "conv_7x1":
            return _in_two(channels, kernel, stride)
        case "dil_conv":
            return nn.Sequential(*_depthwise(channels, kernel, stride, dilation=2))
        case "sep_conv" | "dil_sep_conv":
            dilation = 2 if kind == "dil_sep_conv" else 1
            first = _depthwise(channels, kernel, stride, dilation)
            return nn.Sequential(*first, *_depthwise(channels, kernel, 1, dilation))
    raise ValueError(f"an operation should have a customary name such as sep_conv_3x3, got {name!r}.")


def _depthwise(channels: int, kernel: int, stride: int, dilation: int) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    spatial = nn.Conv2d(
        channels, channels, kernel, stride, padding, dilation=dilation, groups=channels, bias=False
    )
    pointwise = nn.Conv2d(channels, channels, 1, bias=False)
    return [nn.ReLU(), spatial, pointwise, nn.BatchNorm2d(channels)]


def _in_two(channels: int, kernel: int, stride: int) -> nn.Module:
    along = nn.Conv2d(channels, channels, (1, kernel), (1, stride), (0, kernel // 2), bias=False)
    across = nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), (kernel // 2, 0), bias=False)
    return nn.Sequential(nn.ReLU(), along, across, nn.BatchNorm2d(channels))
