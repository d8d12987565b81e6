"""What the space of AutoFormer adds to the contract."""

import csv
import gzip
import itertools
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


def test_attention_adds_the_vectors_of_distances_to_keys_and_values() -> None:
    space = AutoFormer(patch=1, image_shape=(1, 2, 17))
    attention = space.build(SMALL).get_submodule("blocks.0.attn").double()
    tokens = [None, *itertools.product(range(2), range(17))]

    def vectors(name: str) -> torch.Tensor:
        table = {key: value.detach() for key, value in attention.get_submodule(name).named_parameters()}
        found = torch.empty(35, 35, 64, dtype=torch.float64)
        for (i, query), (j, key) in itertools.product(enumerate(tokens), repeat=2):
            row, column = 0, 0
            if query and key:
                row, column = (15 + max(-14, min(14, b - a)) for a, b in zip(query, key, strict=True))
            found[i, j] = table["vertical"][row] + table["horizontal"][column]
        return found

    q, k, v = torch.randn(3, 2, 4, 35, 64, dtype=torch.float64)
    logits = torch.einsum("bhid,bhijd->bhij", q, k.unsqueeze(2) + vectors("of_keys")) / 8
    expected = torch.einsum("bhij,bhijd->bhid", logits.softmax(-1), v.unsqueeze(2) + vectors("of_values"))
    torch.testing.assert_close(attention.mix(q, k, v), expected)


def test_patches_must_tile_the_image() -> None:
    with pytest.raises(ValueError, match="tile"):
        AutoFormer(image_shape=(3, 40, 40))
