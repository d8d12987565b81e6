"""What the predictors differ in."""

from contextlib import nullcontext

import pytest
import torch

from parzc.bayesian import weight_draws
from parzc.encoding import Encoding
from parzc.predictors.mabn import MABN
from parzc.predictors.mlp import MLP


def encoded(length: int) -> Encoding:
    random = torch.Generator().manual_seed(0)
    return Encoding(torch.randn(4, length, 3, generator=random), torch.ones(4, length, dtype=torch.bool))


@pytest.mark.parametrize("shared", [False, True])
def test_segments_are_mixed(shared) -> None:
    torch.manual_seed(0)
    made = MABN(length=12, channels=3, segments=4, members=1, wide=False, shared=shared).eval()
    seen: list[torch.Tensor] = []
    made.norm.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].detach()))
    whole = encoded(12)
    changed = whole.values.clone()
    changed[:, 0] += 1
    made(whole)
    made(Encoding(changed, whole.mask))
    assert bool(((seen[0] - seen[1]).abs().amax((0, 1, 3)) > 0).all())


def test_masked_segments_take_no_part() -> None:
    torch.manual_seed(0)
    made = MABN(length=12, channels=3, segments=4, members=1).eval()
    whole = encoded(12)
    whole.mask[:, 9:] = False
    seen: list[torch.Tensor] = []
    made.norm.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].detach()))
    made(whole)
    assert bool((seen[0][:, :, 3] == 0).all())


@pytest.mark.parametrize(
    "options",
    [{}, {"shared": True}, {"wide": False}, {"blocks": 0}, {"blocks": 2}, {"bayesian": False}],
    ids=str,
)
@pytest.mark.parametrize("drawn", [False, True])
def test_scores_without_gradients_are_those_with(options, drawn) -> None:
    torch.manual_seed(0)
    made = MABN(length=13, channels=3, segments=4, members=3, width=6, **options).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    whole = Encoding(torch.randn(150, 13, 3), torch.rand(150, 13) > 0.4)
    whole.mask[:20, :8] = False
    with weight_draws(made) if drawn else nullcontext():
        expected = made(whole)
        with torch.no_grad():
            found = made(whole)
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-5)


def test_gradients_reach_the_features() -> None:
    torch.manual_seed(0)
    made = MABN(length=12, channels=3, segments=4, members=2).eval()
    whole = encoded(12)
    values = whole.values.requires_grad_()
    made(Encoding(values, whole.mask)).sum().backward()
    assert values.grad is not None
    assert bool((values.grad != 0).any())


@pytest.mark.parametrize(("length", "channels"), [(101, 15), (33, 15)])
def test_size_fits_the_data(length, channels) -> None:
    size = sum(parameter.numel() for parameter in MABN(length=length, channels=channels).parameters())
    assert 10**4 <= size <= 10**6


@pytest.mark.parametrize("option", ["segments", "width", "members"])
def test_sizes_of_mabn_have_to_be_positive(option) -> None:
    with pytest.raises(ValueError, match="should be at least 1"):
        MABN(length=4, channels=2, **{option: 0})


def test_mlp_needs_a_layer() -> None:
    with pytest.raises(ValueError, match="layers should be at least 1"):
        MLP(length=4, channels=2, layers=0)


def test_point_weights_are_not_sampled() -> None:
    torch.manual_seed(0)
    made = MABN(length=12, channels=3, members=2, dropout=0.0, bayesian=False)
    torch.testing.assert_close(made(encoded(12)), made(encoded(12)), rtol=0, atol=0)
    assert made.kl().item() == 0
    made.eval()
    torch.testing.assert_close(made.sample(encoded(12), 3), made(encoded(12)).repeat(3, 1), rtol=0, atol=0)
