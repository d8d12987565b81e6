"""What every loss promises."""

import pytest
import torch

from parzc import plugins

TARGETS = torch.tensor([0.1, 0.5, 0.6, 0.9, 0.91])


@pytest.fixture(params=plugins.available("losses"))
def loss(request: pytest.FixtureRequest):
    return plugins.build("losses", request.param)


def ordered() -> torch.Tensor:
    return torch.linspace(-1.5, 1.5, len(TARGETS))


def test_right_order_beats_reversed(loss) -> None:
    assert float(loss(ordered(), TARGETS)) < float(loss(-ordered(), TARGETS))


def test_right_order_beats_equal_scores(loss) -> None:
    assert float(loss(ordered(), TARGETS)) < float(loss(torch.zeros(len(TARGETS)), TARGETS))


def test_loss_is_never_negative(loss) -> None:
    assert float(loss(100 * ordered(), TARGETS)) >= 0


@pytest.mark.parametrize("count", [1, 2, 5])
def test_tied_targets_have_a_finite_loss_and_gradient(loss, count) -> None:
    scores = torch.linspace(-1, 1, count).requires_grad_()
    value = loss(scores, torch.full((count,), 0.5))
    value.backward()
    assert value.item() == 0
    assert bool((scores.grad == 0).all())


def test_two_architectures_have_a_finite_gradient(loss) -> None:
    scores = torch.zeros(2, requires_grad=True)
    loss(scores, torch.tensor([0.1, 0.2])).backward()
    assert bool(scores.grad.isfinite().all())
    assert float(scores.grad[0]) > 0 > float(scores.grad[1])


def test_some_ties_have_a_finite_gradient(loss) -> None:
    scores = torch.zeros(4, requires_grad=True)
    loss(scores, torch.tensor([0.1, 0.1, 0.2, 0.2])).backward()
    assert bool(scores.grad.isfinite().all())


def test_order_in_the_batch_does_not_matter(loss) -> None:
    order = torch.tensor([3, 0, 4, 1, 2])
    scores = torch.tensor([0.3, -0.2, 1.0, 0.1, 0.7])
    torch.testing.assert_close(loss(scores[order], TARGETS[order]), loss(scores, TARGETS))


def test_members_are_averaged(loss) -> None:
    scores = torch.stack([ordered(), -ordered()])
    mean = (loss(scores[0], TARGETS) + loss(scores[1], TARGETS)) / 2
    torch.testing.assert_close(loss(scores, TARGETS), mean)


def test_gradient_agrees_with_differences(loss) -> None:
    scores = torch.tensor([0.3, -0.2, 1.0, 0.1, 0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: loss(s, TARGETS.double()), scores)
