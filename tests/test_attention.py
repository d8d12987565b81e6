"""Attention computed projection by projection equals PyTorch's, and shows every projection."""

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from parzc.probing.attention import Projection, visible_projections

Seen = list[tuple[str, Projection, tuple[int, ...], tuple[int, ...]]]


class Calls(nn.Module):
    """Calls one attention module with fixed options."""

    def __init__(self, attention: nn.MultiheadAttention, **options: object) -> None:
        super().__init__()
        self.attention = attention
        self.options = options

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        query, key, value = inputs if len(inputs) == 3 else inputs * 3
        return self.attention(query, key, value, **self.options)


def visibly(network: nn.Module, *inputs: Tensor) -> tuple[tuple[Tensor, Tensor | None], Seen]:
    seen: Seen = []

    def run(name: str, projection: Projection, given: Tensor, output: Tensor) -> Tensor:
        seen.append((name, projection, tuple(given.shape), tuple(output.shape)))
        return output.view_as(output)

    with visible_projections(network, run):
        return network(*inputs), seen


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def attention(seed: int = 0, **options: object) -> nn.MultiheadAttention:
    torch.manual_seed(seed)
    return nn.MultiheadAttention(8, 2, **options).double()


def assert_equal(network: Calls, *inputs: Tensor) -> Seen:
    inputs = tuple(x.clone().requires_grad_() for x in inputs)
    leaves = [*inputs, *network.parameters()]
    out, weights = network(*inputs)
    ours, seen = visibly(network, *inputs)
    torch.testing.assert_close(ours[0], out)
    assert (weights is None) == (ours[1] is None)
    if weights is not None and ours[1] is not None:
        torch.testing.assert_close(ours[1], weights)
    away = random(*out.shape, seed=9)
    expected = torch.autograd.grad((out * away).sum(), leaves)
    torch.testing.assert_close(torch.autograd.grad((ours[0] * away).sum(), leaves), expected)
    return seen


BOOLEAN = torch.tensor([[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]).bool()
PADDING = torch.tensor([[0, 0, 0, 1], [0, 0, 1, 1]]).bool()
CALLS = {
    "plain": {},
    "no weights": {"need_weights": False},
    "weights of each head": {"average_attn_weights": False},
    "Boolean mask": {"attn_mask": BOOLEAN},
    "Boolean mask, no weights": {"attn_mask": BOOLEAN, "need_weights": False},
    "float mask": {"attn_mask": random(3, 4)},
    "mask for each head": {"attn_mask": random(4, 3, 4)},
    "mask for each head, no weights": {"attn_mask": random(4, 3, 4), "need_weights": False},
    "padding": {"key_padding_mask": PADDING},
    "padding and mask": {
        "key_padding_mask": torch.zeros(2, 4).double().masked_fill(PADDING, -torch.inf),
        "attn_mask": random(3, 4),
        "need_weights": False,
    },
    "causal": {"attn_mask": BOOLEAN, "is_causal": True, "need_weights": False},
    "causal with weights": {"attn_mask": BOOLEAN, "is_causal": True},
    "causal and padding": {"attn_mask": BOOLEAN, "is_causal": True, "key_padding_mask": PADDING},
}


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_attention_between_two_sequences_is_the_same_and_shows_four_projections(
    call: str, batch_first: bool
) -> None:
    query, memory = random(2, 3, 8), random(2, 4, 8, seed=1)
    if not batch_first:
        query, memory = query.transpose(0, 1), memory.transpose(0, 1)
    network = Calls(attention(batch_first=batch_first), **CALLS[call])
    seen = assert_equal(network, query, memory, memory)
    assert [name for name, *_ in seen] == [f"attention.{p}_proj" for p in ("q", "k", "v", "out")]
    assert [shapes for *_, shapes in seen] == [(2, 3, 8), (2, 4, 8), (2, 4, 8), (2, 3, 8)]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("options", [{}, {"need_weights": False}], ids=["weights", "no weights"])
def test_self_attention_is_the_same_and_shows_two_projections(
    batch_first: bool, bias: bool, options: dict[str, object]
) -> None:
    network = Calls(attention(batch_first=batch_first, bias=bias), **options)
    seen = assert_equal(network, random(2, 3, 8) if batch_first else random(3, 2, 8))
    (first, packed, *_), (last, out, *_) = seen
    assert (first, last) == ("attention.in_proj", "attention.out_proj")
    assert packed.weight is network.attention.in_proj_weight
    assert packed.bias is network.attention.in_proj_bias
    assert out.weight is network.attention.out_proj.weight
    assert out.bias is network.attention.out_proj.bias
    assert [shapes for *_, shapes in seen] == [(2, 3, 24), (2, 3, 8)]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("call", ["plain", "no weights", "weights of each head", "Boolean mask"])
def test_inputs_without_a_batch_are_the_same(call: str, batch_first: bool) -> None:
    network = Calls(attention(batch_first=batch_first), **CALLS[call])
    seen = assert_equal(network, random(3, 8), random(4, 8, seed=1), random(4, 8, seed=2))
    assert seen[0][2] == (1, 3, 8)
    padded = Calls(attention(batch_first=batch_first), key_padding_mask=PADDING[1])
    assert_equal(padded, random(3, 8), random(4, 8, seed=1), random(4, 8, seed=2))


def test_keys_and_values_of_other_widths_are_the_same() -> None:
    network = Calls(attention(kdim=5, vdim=6, batch_first=True))
    seen = assert_equal(network, random(2, 3, 8), random(2, 4, 5), random(2, 4, 6))
    module = network.attention
    used = [projection.weight for _, projection, *_ in seen]
    assert [id(w) for w in used] == [
        id(w)
        for w in (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight, module.out_proj.weight)
    ]


def test_dropout_is_drawn_in_training_only() -> None:
    network = Calls(attention(dropout=0.9, batch_first=True), need_weights=False)
    x = random(2, 3, 8)
    torch.manual_seed(1)
    (first, _), _ = visibly(network, x)
    torch.manual_seed(2)
    (second, _), _ = visibly(network, x)
    assert not torch.equal(first, second)
    torch.testing.assert_close(visibly(network.eval(), x)[0][0], network(x)[0])


def test_slices_have_gradients_over_all_runs() -> None:
    module = attention(batch_first=True)
    query, memory = random(2, 3, 8), random(2, 4, 8, seed=1)
    slices: dict[str, Tensor | None] = {}
    outputs = []

    def run(name: str, projection: Projection, given: Tensor, output: Tensor) -> Tensor:
        assert slices.setdefault(name, projection.weight) is projection.weight
        return output

    with visible_projections(module, run):
        outputs += [module(query, memory, memory)[0], module(query, 2 * memory, memory)[0]]
        outputs.append(module(query, query, query)[0])  # self-attention, but the slices are out already
    scalar = sum((out * random(*out.shape)).sum() for out in outputs)
    weights = [slices[f".{letter}_proj"] for letter in "qkv"]
    gradients = torch.autograd.grad(scalar, weights, retain_graph=True)
    (whole,) = torch.autograd.grad(scalar, [module.in_proj_weight])
    torch.testing.assert_close(torch.cat(gradients), whole)


def test_a_weight_belongs_to_one_projection() -> None:
    module = attention(batch_first=True)
    query, memory = random(2, 3, 8), random(2, 4, 8, seed=1)
    weights = {}

    def run(name: str, projection: Projection, given: Tensor, output: Tensor) -> Tensor:
        weights[name] = projection.weight
        return output

    with visible_projections(module, run):
        module(query, query, query)
        module(query, memory, memory)
    assert weights.pop(".in_proj") is module.in_proj_weight
    assert weights.pop(".out_proj") is module.out_proj.weight
    assert weights == {".q_proj": None, ".k_proj": None, ".v_proj": None}


def test_replaced_parameters_are_the_ones_used() -> None:
    network = Calls(attention(batch_first=True))
    tensors = {name: (2 * p).detach() for name, p in network.named_parameters()}
    used: list[Tensor | None] = []

    def run(name: str, projection: Projection, given: Tensor, output: Tensor) -> Tensor:
        used.append(projection.weight)
        return output

    x = random(2, 3, 8)
    with visible_projections(network, run):
        out, _ = functional_call(network, tensors, (x,))
    torch.testing.assert_close(out, functional_call(network, tensors, (x,))[0])
    assert used[0] is tensors["attention.in_proj_weight"]


def test_what_the_recorder_returns_goes_on() -> None:
    module = attention(batch_first=True)
    with visible_projections(module, lambda name, projection, given, output: output * 0):
        out, _ = module(*[random(2, 3, 8)] * 3)
    assert not out.any()


@pytest.mark.parametrize("options", [{"add_bias_kv": True}, {"add_zero_attn": True}])
def test_modules_with_extra_keys_are_left_alone(options: dict[str, bool]) -> None:
    network = Calls(attention(batch_first=True, **options))
    assert assert_equal(network, random(2, 3, 8)) == []


def test_a_forward_of_the_users_own_is_left_alone_and_stays() -> None:
    network = Calls(attention(batch_first=True))
    network.attention.forward = lambda *args, **options: (args[0], None)
    own = network.attention.forward
    (_, weights), seen = visibly(network, random(2, 3, 8))
    assert weights is None
    assert seen == []
    assert network.attention.forward is own


def test_the_forward_is_put_back_even_after_an_error() -> None:
    network = Calls(attention(batch_first=True))
    with pytest.raises(RuntimeError, match="give the mask as well"):
        visibly(Calls(network.attention, is_causal=True), random(2, 3, 8))
    assert "forward" not in network.attention.__dict__


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_transformer_encoders_are_the_same(norm_first: bool, batch_first: bool) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, norm_first=norm_first, batch_first=batch_first)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).double()
    x = random(3, 4, 8)
    out, seen = visibly(encoder, x)
    torch.testing.assert_close(out, encoder(x))
    parts = ("in_proj", "out_proj")
    assert [name for name, *_ in seen] == [f"layers.{i}.self_attn.{p}" for i in range(2) for p in parts]


def test_transformer_decoders_are_the_same() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True)
    decoder = nn.TransformerDecoder(layer, 1).double()
    mask = nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    target, memory = random(3, 4, 8), random(3, 5, 8, seed=1)

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = decoder

        def forward(self, target: Tensor, memory: Tensor) -> Tensor:
            return self.decoder(target, memory, tgt_mask=mask)

    out, seen = visibly(Fixed(), target, memory)
    torch.testing.assert_close(out, Fixed()(target, memory))
    assert [name.removeprefix("decoder.layers.0.") for name, *_ in seen] == [
        "self_attn.in_proj",
        "self_attn.out_proj",
        *(f"multihead_attn.{p}_proj" for p in ("q", "k", "v", "out")),
    ]
