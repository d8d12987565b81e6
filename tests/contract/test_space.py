"""What every search space promises."""

from random import Random
from typing import Any

import pytest
import torch

from parzc import plugins
from parzc.space import Space
from parzc.spaces.networks import Networks

SPACES = plugins.available("spaces")
ONE_OF_NETWORKS = "torch.nn:Linear(in_features=4, out_features=2)"

OPTIONS: dict[str, dict[str, Any]] = {
    "autoformer": {"patch": 4},
    "mobilenetv2": {"image_shape": (1, 32, 32), "max_flops": 5e6},
    "nasbench101": {"channels": 4, "stacks": 2, "cells": 1},
    "darts": {"channels": 2, "layers": 3},
    "nasbench201": {"channels": 2, "cells": 1},
    "natsbench_size": {"scale": 0.25},
    "networks": {"image_shape": (4,)},
    "transnasbench101": {"channels": 2},
    "pit": {"patch": 2, "stride": 2},
}
"""How to build the networks of a space small; `image_shape` where one grey 8x8 image is too small."""


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest) -> Space:
    facts: dict[str, Any] = {"classes": 3, "image_shape": (1, 8, 8)} | OPTIONS.get(request.param, {})
    return plugins.build("spaces", {"name": request.param}, **facts)


def some(space: Space) -> list[str]:
    if isinstance(space, Networks):
        return [ONE_OF_NETWORKS]
    return list(space.architectures())[:40:13] or space.sample(3, 0)


def images(space: Space) -> torch.Tensor:
    return torch.randn(5, *space.image_shape)


def is_endless(space: Space) -> bool:
    return not isinstance(space, Networks) and not space.architectures()


def weights(space: Space, architecture: str, seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return dict(space.build(architecture).named_parameters())


def test_architectures_are_unique(space: Space) -> None:
    architectures = space.architectures()
    assert len(set(architectures)) == len(architectures)


def test_order_is_stable(space: Space) -> None:
    assert list(space.architectures()) == list(space.architectures())


def test_sample_has_no_repeats_and_lies_in_the_space(space: Space) -> None:
    endless = is_endless(space)
    sample = space.sample(20 if endless else len(space.architectures()) // 3, 7)
    assert len(set(sample)) == len(sample)
    assert endless or set(sample) <= set(space.architectures())


def test_smaller_sample_starts_a_larger_one(space: Space) -> None:
    n = 5 if is_endless(space) else min(5, len(space.architectures()))
    assert space.sample(n, 3)[:3] == space.sample(min(3, n), 3)


def test_sample_does_not_touch_the_random_state(space: Space) -> None:
    before = torch.get_rng_state()
    space.sample(5 if is_endless(space) else min(5, len(space.architectures())), 3)
    assert torch.equal(before, torch.get_rng_state())


def test_sample_of_more_than_there_are_is_refused(space: Space) -> None:
    if is_endless(space):
        return
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
        logits = network(images(space))
        assert logits.shape == (5, 2 if architecture == ONE_OF_NETWORKS else 3)
        logits.sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


def test_canonical_is_idempotent(space: Space) -> None:
    for architecture in some(space):
        canonical = space.canonical(architecture)
        assert space.canonical(canonical) == canonical


def test_canonical_architecture_computes_the_same(space: Space) -> None:
    for architecture in some(space):
        x = images(space)
        outputs = []
        for name in (architecture, space.canonical(architecture)):
            torch.manual_seed(5)
            outputs.append(space.build(name)(x))
        torch.testing.assert_close(outputs[0], outputs[1])


def test_mutant_is_another_architecture_that_builds(space: Space) -> None:
    for architecture in some(space):
        mutant = space.mutate(architecture, Random(1))
        assert mutant != architecture or isinstance(space, Networks)
        assert space.build(mutant)(images(space)).isfinite().all()


def test_mutation_follows_its_generator_alone(space: Space) -> None:
    before = torch.get_rng_state()
    for architecture in some(space):
        mutants = [space.mutate(architecture, Random(2)) for _ in range(2)]
        assert mutants[0] == mutants[1]
    assert torch.equal(before, torch.get_rng_state())


def test_neighbours_are_different_architectures_of_the_space(space: Space) -> None:
    for architecture in some(space):
        neighbours = list(space.neighbours(architecture))
        assert len(set(neighbours)) == len(neighbours)
        assert architecture not in neighbours
        assert neighbours or isinstance(space, Networks)
        for neighbour in neighbours[:5]:
            space.canonical(neighbour)


def test_cost_counts_the_parameters_of_the_network(space: Space) -> None:
    for architecture in some(space):
        network = space.build(architecture)
        cost = space.cost(architecture)
        assert cost.parameters == sum(parameter.numel() for parameter in network.parameters())
        assert cost.flops > 0


def test_cost_does_not_touch_the_random_state(space: Space) -> None:
    before = torch.get_rng_state()
    space.cost(some(space)[0])
    assert torch.equal(before, torch.get_rng_state())


NONSENSE = ("", "nonsense", "|a~0|", "depth:-", "a:b:c", "a.b:(", "a:b(c)", "a:b(**c)")


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_refused_with_the_notation(space: Space, nonsense: str) -> None:
    for method in (space.build, space.canonical, space.neighbours, space.cost):
        with pytest.raises(ValueError, match="should read"):
            method(nonsense)
