"""The size search space of NATS-Bench (NATS-Bench SSS)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import nn

from parzc.choices import Choice, ChoiceSpace
from parzc.probing.table import Architecture
from parzc.staged_network import StagedNetwork

__all__ = ["NATSBenchSize"]

_WIDTHS = (8, 16, 24, 32, 40, 48, 56, 64)
_CELL = ("nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3", "skip_connect", "nor_conv_3x3", "nor_conv_3x3")


class NATSBenchSize(ChoiceSpace):
    """32,768 networks of one cell that differ in five widths, written `8:16:24:32:64`.

    The cell is the best of NAS-Bench-201 on CIFAR-100. The widths are those of stem and first cell,
    first reduction, second cell, second reduction and third cell: one cell in each stage.

    Args:
        scale: Every width is multiplied by it; the benchmark trains 1.
        classes: Outputs of the classifier.
        image_shape: Channels, height and width of an input.

    Source:
        Dong et al., TPAMI 2021. The order of architectures is that in which the public program trains
        them, which gives them their index. Compared with the public XAutoDL network; parameters equal
        three counts of the benchmark's file that another port quotes. Deviation: initial weights are
        drawn module by module (see `parzc.initialise`), from PyTorch's default distributions.
    """

    choices: ClassVar[Mapping[str, Sequence[Choice]]] = dict.fromkeys(
        ("stage1", "reduction1", "stage2", "reduction2", "stage3"), _WIDTHS
    )

    def __init__(
        self, *, scale: float = 1.0, classes: int = 10, image_shape: Sequence[int] = (3, 32, 32)
    ) -> None:
        if round(scale * _WIDTHS[0]) < 1:
            raise ValueError(f"scale should leave a width of 8 at least 1, got {scale}.")
        super().__init__(classes=classes, image_shape=image_shape)
        self.scale = scale

    def read(self, architecture: Architecture) -> tuple[Choice, ...]:
        """Read the five widths."""
        known = {str(width): width for width in _WIDTHS}
        found = tuple(known[text] for text in architecture.split(":") if text in known)
        if len(found) != len(self.choices) or self.write(found) != architecture:
            raise ValueError(
                "an architecture should read 8:16:24:32:64, five widths out of"
                f" {', '.join(known)}; got {architecture!r}."
            )
        return found

    def write(self, values: Sequence[Choice]) -> Architecture:
        """Write the widths in the benchmark's notation."""
        return Architecture(":".join(map(str, values)))

    def network(self, **widths: int) -> nn.Module:
        """Construct the network of five widths."""
        scaled = [round(self.scale * width) for width in widths.values()]
        return StagedNetwork(_CELL, scaled, self.classes, self.image_shape[0])
