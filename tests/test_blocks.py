"""Feature taps on many small networks."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from parzc.probing.blocks import watch_blocks
from parzc.spaces.digits_vit import DigitsViT
from parzc.spaces.nasbench201 import NASBench201
from tests.networks_with_blocks import (
    IMAGES,
    TOKENS,
    AddsInPlace,
    AfterBranch,
    Again,
    Auxiliary,
    Branches,
    Embeds,
    Excited,
    Functional,
    Nested,
    Nothing,
    Residual,
    Stage,
    Stages,
    Through,
    Tokens,
    Words,
    unit,
)

Taps = list[tuple[str, Tensor]]


def watch(network: nn.Module, *inputs: Tensor, taps: list[str] | None = None, **options: Tensor) -> Taps:
    with watch_blocks(network.train(), taps) as watched:
        network(*inputs, **options)
        return watched.features()


def names(network: nn.Module, *inputs: Tensor, taps: list[str] | None = None, **options: Tensor) -> list[str]:
    return [name for name, _ in watch(network, *inputs, taps=taps, **options)]


@pytest.mark.parametrize(
    "cell",
    [
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        "|nor_conv_1x1~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|",
        "|skip_connect~0|+|skip_connect~0|avg_pool_3x3~1|+|skip_connect~0|none~1|none~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ],
    ids=["all convolutions", "a chain", "skips", "none"],
)
def test_nasbench201_has_its_18_published_taps(cell: str) -> None:
    network = NASBench201().build(cell)
    found = watch(network, torch.randn(2, 3, 16, 16))
    assert [name for name, _ in found] == ["cells.0:input", *(f"cells.{i}" for i in range(17))]
    assert [tensor.shape[1] for _, tensor in found] == [16] * 6 + [32] * 6 + [64] * 6


def test_a_pre_norm_transformer_has_two_taps_a_block_without_the_embedding() -> None:
    network = DigitsViT().build("depth:3-width:16-heads:2-mlp:1")
    found = names(network, torch.randn(2, 1, 8, 8))
    assert found == [tap for i in range(3) for tap in (f"blocks.{i}.norm2:input", f"blocks.{i}")]


@pytest.mark.parametrize(("norm_first", "norm"), [(True, "norm2"), (False, "norm1")])
def test_torch_encoders_have_two_taps_a_layer(norm_first: bool, norm: str) -> None:
    layers = [nn.TransformerEncoderLayer(8, 2, 16, norm_first=norm_first, batch_first=True) for _ in range(2)]
    expected = [tap for i in range(2) for tap in (f"blocks.{i}.{norm}:input", f"blocks.{i}")]
    assert names(Tokens(*layers), TOKENS) == expected


def test_a_norm_on_a_branch_is_no_tap() -> None:
    assert names(Tokens(AfterBranch(), AfterBranch()), TOKENS) == ["blocks.0", "blocks.1"]


def test_residual_blocks_with_containers_inside_are_blocks() -> None:
    network = Through(Residual(4), Residual(4, 2), Residual(4))
    assert names(network, IMAGES) == ["blocks.0:input", "blocks.0", "blocks.1", "blocks.2"]


def test_blocks_that_add_in_place_are_blocks() -> None:
    network = Through(AddsInPlace(4), AddsInPlace(4))
    assert names(network, IMAGES) == ["blocks.0:input", "blocks.0", "blocks.1"]


def test_the_norm_of_an_embedding_is_no_tap() -> None:
    network = Tokens(nn.TransformerEncoderLayer(8, 2, 8, batch_first=True), Embeds())
    found = names(network, torch.randn(2, 4, 8))
    assert found == ["blocks.0.norm1:input", "blocks.0", "blocks.1"]


def test_stages_are_replaced_by_their_blocks() -> None:
    found = names(Through(Stage(2), Stage(1)), IMAGES)
    assert found == [f"blocks.0.layers.0{s}" for s in (":input", "")] + [
        "blocks.0.layers.1",
        "blocks.1.layers.0",
    ]


def test_stages_in_attributes_are_containers_too() -> None:
    assert names(Stages(), IMAGES) == ["layer1.0:input", "layer1.0", "layer1.1", "layer2.0"]


def test_lists_of_lists_are_one_list() -> None:
    found = names(Nested(), IMAGES)
    assert found == ["blocks.0.0:input", "blocks.0.0", "blocks.0.1", "blocks.1.0", "blocks.1.1"]


def test_the_whole_network_may_be_the_container() -> None:
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)]
    network = nn.Sequential(unit(3, 4), Residual(4), Residual(4), *head)
    assert names(network, IMAGES) == ["0", "1", "2"]  # no `0:input`: the images are no features
    with_classifier = nn.Sequential(unit(3, 4), Residual(4), nn.Sequential(*head))
    assert names(with_classifier, IMAGES) == ["0", "1"]


def test_without_containers_activations_over_maps_are_taps() -> None:
    maps = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.GELU(), nn.Flatten()]
    assert names(nn.Sequential(*maps, nn.Linear(64, 3)), IMAGES) == ["1", "3"]
    vectors = [nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3)]
    assert names(nn.Sequential(*maps, *vectors), IMAGES) == ["1", "3"]


def test_a_perceptron_has_its_activations_and_without_them_its_layers() -> None:
    vectors = torch.randn(2, 6)
    network = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 5), nn.SiLU(), nn.Linear(5, 3))
    assert names(network, vectors) == ["1", "3"]

    assert names(Functional(), vectors) == ["a", "b"]  # `c` gives the logits


def test_gates_are_no_taps() -> None:
    class Two(Through):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = Excited(), Excited()

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.b(self.a(self.stem(x))).mean((2, 3)))

    assert names(Two(), IMAGES) == ["a.act", "b.act"]


def test_of_parallel_branches_only_one_is_followed() -> None:
    towers = [nn.Sequential(Residual(4), Residual(4)) for _ in range(2)]
    found = watch(Branches(*towers), IMAGES)
    assert [name for name, _ in found] == ["blocks.0.0:input", "blocks.1.0", "blocks.1.1"]
    assert_chained(found)


def test_a_block_that_the_output_does_not_need_is_no_tap() -> None:
    assert names(Auxiliary(*(Residual(4) for _ in range(3))), IMAGES) == [
        "blocks.0:input",
        "blocks.0",
        "blocks.1",
    ]


def assert_chained(found: Taps) -> None:
    for (_, before), (_, after) in pairwise(found):
        (gradient,) = torch.autograd.grad(after.sum(), before, retain_graph=True, allow_unused=True)
        assert gradient is not None


@pytest.mark.parametrize(
    "network",
    [
        Through(Residual(4), Residual(4, 2)),
        Through(Residual(4), nn.Identity(), Residual(4)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten()),
    ],
    ids=["blocks", "identity", "activations"],
)  # fmt: skip
def test_each_tap_is_computed_from_the_one_before(network: nn.Module) -> None:
    assert_chained(watch(network, IMAGES))


def test_an_identity_block_is_a_block() -> None:
    found = watch(Through(Residual(4), Nothing(), nn.Identity(), Residual(4)), IMAGES)
    assert [name for name, _ in found] == ["blocks.0:input", *(f"blocks.{i}" for i in range(4))]
    before, after = found[1][1], found[2][1]
    assert before is after
    sign = torch.ones_like(after)
    assert torch.equal(torch.autograd.grad(after, before, sign)[0], sign)


def test_a_view_of_an_identity_is_seen_by_whoever_hooks_later() -> None:
    network = Through(Residual(4), nn.Identity(), Residual(4))
    handle = network.blocks[1].register_forward_hook(lambda _, inputs, output: output.view_as(output))
    found = watch(network, IMAGES)
    handle.remove()
    assert found[1][1] is not found[2][1]
    assert found[1][1].data_ptr() == found[2][1].data_ptr()


def test_a_block_that_runs_again_is_numbered() -> None:
    expected = ["blocks.0:input", "blocks.0", "blocks.0#2", "blocks.0#3"]
    found = watch(Again(Residual(4)), IMAGES)
    assert [name for name, _ in found] == expected
    assert_chained(found)
    named = names(Again(Residual(4)), IMAGES, taps=["blocks.0:input", "blocks.0"])
    assert sorted(named) == sorted([*expected, "blocks.0:input#2", "blocks.0:input#3"])


def test_one_dimensional_convolutions_are_feature_maps() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv1d(4, 4, 3, padding=1), nn.LayerNorm(4)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.norm(self.conv(x).transpose(1, 2)).transpose(1, 2)

    class Sound(Through):
        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.blocks[1](self.blocks[0](self.stem(x))).mean(2))

    network = Sound(Block(), Block(), stem=nn.Conv1d(2, 4, 5))
    assert names(network, torch.randn(2, 2, 16)) == ["blocks.0:input", "blocks.0", "blocks.1"]


def test_integer_inputs_and_inputs_by_name_are_fine() -> None:
    expected = ["encoder.layers.0.norm2:input", "encoder.layers.0"]
    assert names(Words(), words=torch.randint(9, (2, 5))) == expected


def test_overwritten_features_are_no_taps() -> None:
    class Overwrites(Through):
        def forward(self, x: Tensor) -> Tensor:
            x = self.blocks[0](self.stem(x))
            x = self.blocks[1](x)
            x.mul_(2)
            return self.head(self.blocks[2](x).mean((2, 3)))

    found = names(Overwrites(*(Residual(4) for _ in range(3))), IMAGES)
    assert found == ["blocks.0:input", "blocks.0", "blocks.2"]


def test_a_second_pass_starts_anew_and_no_hook_stays() -> None:
    network = Through(Residual(4), Residual(4))
    with watch_blocks(network) as watched:
        network(IMAGES)
        first = watched.features()
        network(IMAGES)
        second = watched.features()
    assert [name for name, _ in first] == [name for name, _ in second]
    assert first[0][1] is not second[0][1]
    assert watched.features() == []
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_the_taps_do_not_depend_on_whether_inputs_have_gradients() -> None:
    network = Through(Residual(4), Residual(4))
    expected = names(network, IMAGES)
    assert names(network, IMAGES.clone().requires_grad_()) == expected


def test_named_taps_come_in_order_of_execution() -> None:
    network = Through(Residual(4), Residual(4))
    found = names(network, IMAGES, taps=["blocks.1", "stem", "blocks.0.layer.1:input", "head:input"])
    assert found == ["stem", "blocks.0.layer.1:input", "blocks.1", "head:input"]


@pytest.mark.parametrize(
    ("taps", "error", "words"),
    [
        (["blocks.0", "stemm"], LookupError, "has no 'stemm', did you mean 'stem'"),
        (["stem:output"], LookupError, "has no 'stem:output'"),
        (["stem:"], LookupError, "has no 'stem:'"),
        ([""], LookupError, "has no ''"),
        ([], ValueError, "got none"),
        (["blocks"], ValueError, "'blocks' saw no tensor"),
    ],
)
def test_wrong_taps_are_refused(taps: list[str], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        watch(Through(Residual(4)), IMAGES, taps=taps)


def test_named_taps_that_are_overwritten_are_refused() -> None:
    class Overwrites(Through):
        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.blocks[0](self.stem(x).add_(1)).mean((2, 3)))

    with pytest.raises(ValueError, match="'stem' is overwritten"):
        watch(Overwrites(Residual(4)), IMAGES, taps=["stem", "blocks.0"])


def test_a_network_without_any_feature_gives_none() -> None:
    assert watch(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), IMAGES) == []
