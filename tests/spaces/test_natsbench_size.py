"""What the size space of NATS-Bench adds to its contract."""

import pytest
import torch

from parzc.spaces.natsbench_size import NATSBenchSize


@pytest.mark.parametrize(
    ("architecture", "parameters"),
    [("8:8:8:8:8", 11_714), ("8:8:16:40:40", 107_826), ("64:64:64:64:64", 713_674)],
)
def test_published_parameters(architecture: str, parameters: int) -> None:
    assert NATSBenchSize().cost(architecture).parameters == parameters


def test_last_width_varies_fastest() -> None:
    architectures = NATSBenchSize().architectures()
    assert len(architectures) == 32_768
    assert architectures[:2] == ["8:8:8:8:8", "8:8:8:8:16"]
    assert architectures[8] == "8:8:8:16:8"
    assert architectures[-1] == "64:64:64:64:64"


@pytest.mark.parametrize("text", ["8:8:8:8", "8:8:8:8:8:8", "8:8:8:8:12", "8:8:8:8:8:x", "08:8:8:8:8"])
def test_other_widths_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="should read 8:16"):
        NATSBenchSize().build(text)


def test_scale_narrows_every_layer() -> None:
    network = NATSBenchSize(scale=0.25, image_shape=(1, 8, 8)).build("8:16:24:32:64")
    widths = [m.out_channels for n, m in network.named_modules() if isinstance(m, torch.nn.Conv2d)]
    assert set(widths) == {2, 4, 6, 8, 16}


def test_scale_below_one_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="scale"):
        NATSBenchSize(scale=0.01)
