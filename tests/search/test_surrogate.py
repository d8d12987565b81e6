"""Bayesian optimisation in a box."""

import numpy as np
import pytest

from parzc.searching.surrogate import propose

BOUNDS = ((0.0, 1.0), (-4.0, 0.0))


def bowl(point: np.ndarray) -> float:
    return -((point[0] - 0.3) ** 2) - ((point[1] + 1.0) / 4) ** 2


@pytest.mark.parametrize("acquisition", ["expected_improvement", "upper_confidence"])
def test_it_finds_the_top_of_a_bowl(acquisition) -> None:
    generator = np.random.default_rng(0)
    points = [np.array([0.9, -3.5]), np.array([0.5, -3.0])]
    for _ in range(18):
        values = np.array([bowl(point) for point in points])
        points.append(propose(np.stack(points), values, BOUNDS, acquisition, generator))
    assert max(map(bowl, points)) > -5e-3


def test_without_values_it_proposes_any_point_of_the_box() -> None:
    generator = np.random.default_rng(0)
    points = np.stack(
        [propose(np.empty((0, 2)), np.empty(0), BOUNDS, "upper_confidence", generator) for _ in range(99)]
    )
    assert ((points >= [0, -4]) & (points <= [1, 0])).all()
    assert points.std(axis=0) == pytest.approx([0.29, 1.15], rel=0.2)


def test_equal_values_are_no_trouble() -> None:
    found = propose(
        np.array([[0.5, -2.0], [0.2, -1.0]]),
        np.ones(2),
        BOUNDS,
        "expected_improvement",
        np.random.default_rng(0),
    )
    assert np.isfinite(found).all()
