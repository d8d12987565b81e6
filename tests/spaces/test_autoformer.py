"""What the space of AutoFormer adds to the contract."""

import csv
import gzip
import json
from pathlib import Path
from random import Random

import pytest
import torch

from parzc.spaces.autoformer import AutoFormer

TABLE = Path(__file__).parents[2] / "../shared/data/vitbench101_autoformer.csv.gz"


def subnet(width: int, depth: int, ratios: list[float], heads: list[int]) -> str:
    fields = {"hidden_dim": width, "depth": depth, "mlp_ratio": ratios, "num_heads": heads}
    return json.dumps(fields, separators=(",", ":"))


def with_sums(width: int, depth: int, heads: int, ratios: float) -> str:
    """A published winner, of which the sums are known: the counts depend on nothing else."""
    shared, halves = divmod(round(2 * ratios), depth)
    common, more = divmod(heads, depth)
    return subnet(
        width,
        depth,
        [(shared + (layer < halves)) / 2 for layer in range(depth)],
        [common + (layer < more) for layer in range(depth)],
    )


SMALL = with_sums(192, 12, 45, 43.5)


@pytest.mark.parametrize(
    ("size", "sums", "parameters", "flops"),
    [
        ("tiny", (192, 12, 45, 43.5), "5.9210", "1.3801"),
        ("tiny", (192, 13, 46, 46.0), "6.1640", "1.4326"),
        ("small", (384, 14, 86, 46.0), "22.9511", "4.9433"),
        ("small", (384, 14, 90, 47.5), "23.7881", "5.1289"),
        ("base", (528, 16, 159, 55.5), "53.7108", "11.3861"),
        ("base", (528, 16, 158, 56.5), "54.1335", "11.4647"),
    ],
)
def test_counts_are_those_of_the_published_winners(
    size: str, sums: tuple[int, int, int, float], parameters: str, flops: str
) -> None:
    cost = AutoFormer(size=size).cost(with_sums(*sums))
    assert (f"{cost.parameters / 1e6:.4f}", f"{cost.flops / 1e9:.4f}") == (parameters, flops)


@pytest.mark.parametrize("relative_positions", [True, False])
def test_parameters_are_those_of_the_network(relative_positions: bool) -> None:
    space = AutoFormer(patch=8, relative_positions=relative_positions, classes=7, image_shape=(1, 16, 24))
    network = space.build(SMALL)
    assert sum(p.numel() for p in network.parameters()) == space.cost(SMALL).parameters


@pytest.mark.skipif(not TABLE.exists(), reason="needs the reference data")
def test_has_every_network_of_the_benchmark() -> None:
    with gzip.open(TABLE, "rt", newline="") as file:
        published = [
            json.dumps({key.removeprefix("arch_"): json.loads(row[key]) for key in row if "arch" in key})
            for row in csv.DictReader(file)
        ]
    assert len({AutoFormer().canonical(architecture) for architecture in published}) == 100


def test_whole_numbers_and_key_order_do_not_matter() -> None:
    fields = json.loads(SMALL)
    fields["mlp_ratio"] = [int(ratio) if ratio == 4 else ratio for ratio in fields["mlp_ratio"]]
    shuffled = json.dumps(dict(reversed(fields.items())), indent=1)
    assert shuffled.count("4.0") == 0
    assert AutoFormer().canonical(shuffled) == SMALL


@pytest.mark.parametrize(
    "wrong",
    [
        SMALL.replace("192", "200"),
        SMALL.replace("12", "13"),
        SMALL.replace("3.5", "3.7"),
        SMALL.replace('"num_heads":[4', '"num_heads":[5'),
        SMALL.replace("}", ',"width":3}'),
    ],
)
def test_what_is_not_in_the_space_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="should read"):
        AutoFormer().canonical(wrong)


def test_mutation_reaches_width_depth_ratios_and_heads() -> None:
    space, generator = AutoFormer(), Random(0)
    before = json.loads(SMALL)
    changed = set()
    for _ in range(60):
        after = json.loads(space.mutate(SMALL, generator))
        changed.add(tuple(key for key in before if before[key] != after[key]))
    assert changed == {("hidden_dim",), ("depth", "mlp_ratio", "num_heads"), ("mlp_ratio",), ("num_heads",)}


def test_a_cut_network_keeps_its_first_layers() -> None:
    deep = subnet(240, 14, [3.5, 4.0] * 7, [3, 4] * 7)
    assert subnet(240, 13, [3.5, 4.0] * 6 + [3.5], [3, 4] * 6 + [3]) in AutoFormer().neighbours(deep)


def test_class_token_is_not_classified() -> None:
    network = AutoFormer(patch=8, image_shape=(1, 16, 16)).build(SMALL)
    last = network.get_submodule("blocks.11.mlp")
    last.register_forward_hook(
        lambda _module, _in, out: torch.cat((torch.randn_like(out[:, :1]), out[:, 1:]), 1)
    )
    images = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        moved = network(images)
        last._forward_hooks.clear()
        torch.testing.assert_close(moved, network(images))


def test_distances_are_those_between_patches() -> None:
    """Query at row 0, column 2 and key at row 1, column 0 of a grid 2 x 3: one down, two to the left."""
    attention = AutoFormer(patch=8, image_shape=(1, 16, 24)).build(SMALL).get_submodule("blocks.0.attn")
    distances = attention.get_submodule("of_keys")
    vertical, horizontal = distances.get_parameter("vertical"), distances.get_parameter("horizontal")
    found = distances()
    torch.testing.assert_close(found[1 + 2, 1 + 3], vertical[15 + 1] + horizontal[15 - 2])
    torch.testing.assert_close(found[0, 4], vertical[0] + horizontal[0])


def test_far_patches_count_as_fourteen_apart() -> None:
    attention = AutoFormer(patch=1, image_shape=(1, 1, 20)).build(SMALL).get_submodule("blocks.0.attn")
    distances = attention.get_submodule("of_values")()
    torch.testing.assert_close(distances[1, 1 + 14], distances[1, 1 + 19])
    assert not torch.equal(distances[1, 1 + 13], distances[1, 1 + 14])


def test_patches_must_tile_the_image() -> None:
    with pytest.raises(ValueError, match="tile"):
        AutoFormer(image_shape=(3, 40, 40))
