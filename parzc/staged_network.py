"""The networks of NATS-Bench: three stages of equal cells, joined by residual reductions."""

from collections.abc import Sequence

from torch import Tensor, nn

from parzc.cell_operations import ReLUConvBN, Zero
from parzc.dense_cell import EDGES, DenseCell

__all__ = ["StagedNetwork"]


class StagedNetwork(nn.Module):
    """Stem, three stages with a reduction between each two, average, classifier.

    Args:
        operations: Of a cell, in the order of `parzc.dense_cell.EDGES`.
        widths: Of every cell and every reduction in a row, so two more than three stages have cells.
        classes: Outputs of the classifier.
        image_channels: Of an input.

    Source:
        Dong & Yang, ICLR 2020; Dong et al., TPAMI 2021. Layers and names of modules as in the public
        XAutoDL networks, so that the state dictionaries of NAS-Bench-201 load.
    """

    def __init__(
        self, operations: Sequence[str], widths: Sequence[int], classes: int, image_channels: int
    ) -> None:
        super().__init__()
        cells = len(widths) // 3
        width = widths[0]
        stem = nn.Conv2d(image_channels, width, 3, padding=1, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(width))
        self.cells = nn.ModuleList()
        for place, wider in enumerate(widths):
            reduces = place in (cells, 2 * cells + 1)
            self.cells.append(_Reduction(width, wider) if reduces else _cell(operations, width, wider))
            width = wider
        self.lastact = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Give the logits of images."""
        x = self.stem(images)
        for cell in self.cells:
            x = cell(x)
        x = self.lastact(x)
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits


class _Reduction(nn.Module):
    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv_a = ReLUConvBN(channels_in, channels_out, 3, stride=2)
        self.conv_b = ReLUConvBN(channels_out, channels_out, 3)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True), nn.Conv2d(channels_in, channels_out, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.downsample(x) + self.conv_b(self.conv_a(x))
        return out


def _cell(operations: Sequence[str], channels_in: int, channels_out: int) -> DenseCell:
    return DenseCell(
        _operation(name, channels_out if tail else channels_in, channels_out)
        for name, (tail, _) in zip(operations, EDGES, strict=True)
    )


def _operation(name: str, channels_in: int, channels_out: int) -> nn.Module:
    match name:
        case "none":
            return Zero()
        case "skip_connect" if channels_in == channels_out:
            return nn.Identity()
        case "skip_connect":
            projection = nn.Conv2d(channels_in, channels_out, 1, bias=False)
            return nn.Sequential(projection, nn.BatchNorm2d(channels_out))
        case "avg_pool_3x3":
            return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        case "nor_conv_1x1":
            return ReLUConvBN(channels_in, channels_out, 1)
        case _:
            return ReLUConvBN(channels_in, channels_out, 3)
