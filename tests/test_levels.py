"""How deep operations lie."""

import pytest
import torch
from torch import Tensor, nn

from parzc.probing.extract import extract
from parzc.proxies.block_depth import block_depth
from parzc.proxies.longest_path import longest_path
from parzc.spaces.nasbench201 import NASBench201


class Branches(nn.Module):
    """A long way and a short way side by side; the long one can be cut by a multiplication by zero."""

    def __init__(self, cut: bool = False, twice: int = 1) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.long = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
        self.short = nn.Linear(4, 4)
        self.last = nn.Linear(4, 3)
        self.cut, self.twice = cut, twice

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        long = self.long(x) * 0 if self.cut else self.long(x)
        for _ in range(self.twice):
            x = self.short(x)
        out: Tensor = self.last(long + x)
        return out


def levels(network: nn.Module) -> dict[str, float]:
    torch.manual_seed(0)
    table = extract(network, (torch.randn(6, 4), torch.arange(6) % 3), ["level"])
    return dict(zip([node.name for node in table.nodes], table.column("level").tolist(), strict=True))


def test_the_longest_way_counts() -> None:
    assert levels(Branches()) == {"first": 1, "long.0": 2, "long.2": 3, "short": 2, "last": 4}


def test_what_is_multiplied_by_zero_leads_nowhere() -> None:
    assert levels(Branches(cut=True)) == {"first": 1, "long.0": 0, "long.2": 0, "short": 2, "last": 3}


def test_every_run_of_a_module_counts() -> None:
    assert levels(Branches(cut=True, twice=3))["last"] == 5


@pytest.mark.parametrize(
    ("cell", "inside"),
    [
        (
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
            3,
        ),
        ("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|", 1),
        ("|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|nor_conv_3x3~2|", 2),
        ("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|", 0),
    ],
)
def test_longest_path_of_a_cell(cell: str, inside: int) -> None:
    network = NASBench201(channels=2, cells=1, image_shape=(1, 8, 8)).build(cell)
    table = extract(network, (torch.randn(4, 1, 8, 8), torch.arange(4)), ["level"])
    stem, reductions, classifier = 1, 2 * 2, 1
    assert longest_path(table) == stem + 3 * inside + reductions + classifier


class Ladder(nn.Module):
    """Blocks that read from two blocks before."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(4, 4)
        self.cells = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)) for _ in range(3))
        self.last = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        before = x = self.stem(x)
        for cell in self.cells:
            before, x = x, cell(before) + x
        out: Tensor = self.last(x)
        return out


def test_levels_in_a_block_count_its_own_operations_only() -> None:
    torch.manual_seed(0)
    table = extract(Ladder(), (torch.randn(6, 4), torch.arange(6) % 3), ["level", "block_level"])
    assert table.column("level").tolist() == [1, 2, 3, 2, 3, 4, 5, 6]
    assert table.column("block_level").tolist() == [1, 1, 2, 1, 2, 1, 2, 1]
    assert block_depth(table) == 1 + 3 * 2 + 1
