"""What every search space promises."""

import pytest
import torch

from parzc import plugins
from parzc.space import Space

SPACES = plugins.available("spaces")
ONE_OF_NETWORKS = "torch.nn:Linear(in_features=4, out_features=2)"


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest) -> Space:
    options = {"channels": 2, "cells": 1} if request.param == "nasbench201" else {}
    return plugins.build("spaces", {"name": request.param, **options}, classes=3, image_shape=(1, 8, 8))


def some(space: Space) -> list[str]:
    return list(space.architectures())[:40:13] or [ONE_OF_NETWORKS]


def weights(space: Space, architecture: str, seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return dict(space.build(architecture).named_parameters())


def test_architectures_are_unique(space: Space) -> None:
    architectures = space.architectures()
    assert len(set(architectures)) == len(architectures)


def test_order_is_stable(space: Space) -> None:
    assert list(space.architectures()) == list(space.architectures())


def test_sample_has_no_repeats_and_lies_in_the_space(space: Space) -> None:
    sample = space.sample(len(space.architectures()) // 3, 7)
    assert len(set(sample)) == len(sample)
    assert set(sample) <= set(space.architectures())


def test_smaller_sample_starts_a_larger_one(space: Space) -> None:
    n = min(5, len(space.architectures()))
    assert space.sample(n, 3)[:3] == space.sample(min(3, n), 3)


def test_sample_does_not_touch_the_random_state(space: Space) -> None:
    before = torch.get_rng_state()
    space.sample(min(5, len(space.architectures())), 3)
    assert torch.equal(before, torch.get_rng_state())


def test_sample_of_more_than_there_are_is_refused(space: Space) -> None:
    with pytest.raises(ValueError, match="space"):
        space.sample(len(space.architectures()) + 1, 0)


def test_build_is_seeded(space: Space) -> None:
    for architecture in some(space):
        first, second = weights(space, architecture, 5), weights(space, architecture, 5)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_seeds_differ(space: Space) -> None:
    first, second = weights(space, some(space)[0], 5), weights(space, some(space)[0], 6)
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_network_takes_gradients_to_every_weight_it_runs(space: Space) -> None:
    for architecture in some(space):
        network = space.build(architecture)
        shape = (5, 4) if architecture == ONE_OF_NETWORKS else (5, 1, 8, 8)
        logits = network(torch.randn(shape))
        assert logits.shape == (5, 2 if architecture == ONE_OF_NETWORKS else 3)
        logits.sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


def test_canonical_is_idempotent(space: Space) -> None:
    for architecture in some(space):
        canonical = space.canonical(architecture)
        assert space.canonical(canonical) == canonical


def test_canonical_architecture_computes_the_same(space: Space) -> None:
    for architecture in some(space):
        x = torch.randn((5, 4) if architecture == ONE_OF_NETWORKS else (5, 1, 8, 8))
        outputs = []
        for name in (architecture, space.canonical(architecture)):
            torch.manual_seed(5)
            outputs.append(space.build(name)(x))
        torch.testing.assert_close(outputs[0], outputs[1])


NONSENSE = ("", "nonsense", "|a~0|", "depth:-", "a:b:c", "a.b:(", "a:b(c)", "a:b(**c)")


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_refused_with_the_notation(space: Space, nonsense: str) -> None:
    for method in (space.build, space.canonical):
        with pytest.raises(ValueError, match="should read"):
            method(nonsense)
