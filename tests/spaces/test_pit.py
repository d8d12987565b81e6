"""What the space of pooling-based transformers adds to the contract."""

import csv
import gzip
import json
from pathlib import Path

import pytest
import torch

from parzc.spaces.pit import PiT

TABLE = Path(__file__).parents[2] / "../shared/data/vitbench101_pit.csv.gz"
ARCHITECTURE = '{"base_dim":16,"mlp_ratio":2,"depth":[2,6,4],"num_heads":[2,2,8]}'


def published() -> list[str]:
    with gzip.open(TABLE, "rt", newline="") as file:
        return [
            json.dumps({key.removeprefix("arch_"): json.loads(row[key]) for key in row if "arch" in key})
            for row in csv.DictReader(file)
        ]


def test_has_1600_architectures() -> None:
    assert len(PiT().architectures()) == 4 * 4 * 10 * 10


@pytest.mark.skipif(not TABLE.exists(), reason="needs the reference data")
def test_has_every_network_of_the_benchmark() -> None:
    space = PiT()
    found = {space.canonical(architecture) for architecture in published()}
    assert len(found) == 100
    assert found <= set(space.architectures())


def test_tokens_are_pooled_as_published() -> None:
    network = PiT().build(ARCHITECTURE)
    tokens: list[int] = []
    for block in network.get_submodule("blocks").children():
        block.register_forward_hook(lambda _module, _inputs, output: tokens.append(output.shape[1]))
    with torch.no_grad():
        network(torch.randn(1, 3, 224, 224))
    assert tokens == [27 * 27 + 1] * 2 + [14 * 14 + 1] * 7 + [7 * 7 + 1] * 5


def test_counts_are_those_of_the_published_pit_ti() -> None:
    cost = PiT(classes=1000).cost('{"base_dim":32,"mlp_ratio":4,"depth":[2,6,4],"num_heads":[2,4,8]}')
    assert round(cost.parameters / 1e6, 2) == 4.85
    assert round(cost.flops / 1e9, 1) == 0.7


def test_only_the_class_token_is_classified() -> None:
    network = PiT(patch=4, stride=4, image_shape=(3, 16, 16)).build(ARCHITECTURE)
    seen: list[torch.Size] = []
    network.get_submodule("norm").register_forward_hook(
        lambda _module, inputs, _output: seen.append(inputs[0].shape)
    )
    network(torch.randn(2, 3, 16, 16))
    assert seen == [(2, 128)]


def test_key_order_and_spaces_do_not_matter() -> None:
    shuffled = json.dumps(dict(reversed(json.loads(ARCHITECTURE).items())), indent=1)
    assert PiT().canonical(shuffled) == ARCHITECTURE


@pytest.mark.parametrize(
    "wrong",
    [
        ARCHITECTURE.replace("[2,2,8]", "[8,2,2]"),
        ARCHITECTURE.replace("[2,6,4]", "[1,4,4]"),
        ARCHITECTURE.replace("16", "17"),
        ARCHITECTURE.replace("[2,6,4]", "[2,6]"),
        ARCHITECTURE.replace("}", ',"width":3}'),
    ],
)
def test_what_is_not_in_the_benchmark_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="should read"):
        PiT().canonical(wrong)


def test_patches_must_fit() -> None:
    with pytest.raises(ValueError, match="fit into the image"):
        PiT(image_shape=(3, 8, 8))
