"""The cells of NAS-Bench-201 at a size for 8×8 images."""

from collections.abc import Sequence

from parzc.spaces.nasbench201 import NASBench201

__all__ = ["DigitsCell"]


class DigitsCell(NASBench201):
    """The 15,625 cells of NAS-Bench-201 in a small skeleton that trains in seconds.

    Same notation, order and skeleton as `NASBench201`: only the defaults differ.

    Args:
        channels: Width of the first stage; doubled at each reduction.
        cells: Cells in a stage.
        classes: Outputs of the classifier.
        image_shape: Channels, height and width of an input; each reduction halves the sides.
    """

    def __init__(
        self,
        *,
        channels: int = 8,
        cells: int = 1,
        classes: int = 10,
        image_shape: Sequence[int] = (1, 8, 8),
    ) -> None:
        super().__init__(channels=channels, cells=cells, classes=classes, image_shape=image_shape)
