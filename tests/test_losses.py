"""Closed forms of the losses."""

import math

import pytest
import torch
from scipy.stats import kendalltau

from parzc.losses.diffkendall import DiffKendall
from parzc.losses.mse import MSE
from parzc.losses.pairwise import Pairwise


def test_diffkendall_ranges_from_zero_to_two() -> None:
    scores = torch.arange(5.0)
    assert float(DiffKendall(alpha=100.0)(scores, scores)) == pytest.approx(0)
    assert float(DiffKendall(alpha=100.0)(-scores, scores)) == pytest.approx(2)


def test_steep_diffkendall_is_one_minus_tau() -> None:
    random = torch.Generator().manual_seed(0)
    scores, targets = torch.rand(2, 30, generator=random, dtype=torch.float64)
    tau = kendalltau(scores.numpy(), targets.numpy()).statistic
    assert float(DiffKendall(alpha=1e9)(scores, targets)) == pytest.approx(1 - tau)


def test_diffkendall_leaves_out_tied_targets() -> None:
    with_tie = DiffKendall()(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 1.0]))
    gaps = torch.tanh(torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(with_tie, 1 - gaps.mean())


def test_soft_targets_are_the_papers_product() -> None:
    scores, targets = torch.tensor([0.3, 1.0]), torch.tensor([-1.0, 0.5])
    expected = 1 - math.tanh(0.25 * 0.7) * math.tanh(0.25 * 1.5)
    assert float(DiffKendall(alpha=0.5, soft_targets=True)(scores, targets)) == pytest.approx(expected)


def test_pairwise_of_equal_scores_is_log_two() -> None:
    assert float(Pairwise()(torch.zeros(4), torch.arange(4.0))) == pytest.approx(math.log(2))


def test_mse_is_zero_at_the_standardised_ranks() -> None:
    targets = torch.tensor([0.9, 0.1, 0.5])
    ranks = torch.tensor([1.0, -1.0, 0.0]) * 2 * 3**0.5 / 3
    assert float(MSE()(ranks, targets)) == pytest.approx(0, abs=1e-7)


def test_mse_without_ranks_is_the_squared_error() -> None:
    assert float(MSE(ranks=False)(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 0.0]))) == pytest.approx(2.5)


@pytest.mark.parametrize("loss", [DiffKendall, Pairwise])
def test_alpha_has_to_be_positive(loss) -> None:
    with pytest.raises(ValueError, match="alpha should be positive"):
        loss(alpha=0.0)
