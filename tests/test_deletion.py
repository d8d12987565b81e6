import math

import numpy as np
import pytest
import torch

from parzc.attribution import Parts
from parzc.encoding import Encoding
from parzc.evaluation.correlation import kendall_tau
from parzc.evaluation.deletion import deletion_curves

WEIGHTS = np.array([0.0, 8.0, 0.5, 3.0, 1.0, 0.0])
PARTS = Parts(list("abcdef"), [math.nan] * 6, torch.arange(6)[:, None].expand(6, 2))
TABLES = Encoding(torch.randn(60, 6, 1, generator=torch.Generator().manual_seed(0)), torch.ones(60, 6) > 0)


def score(encoding: Encoding) -> torch.Tensor:
    return encoding.values[:, :, 0] @ torch.from_numpy(WEIGHTS).float()


@pytest.fixture(scope="module")
def curves():
    targets = score(TABLES).numpy()
    found = deletion_curves(score, TABLES, targets, PARTS, WEIGHTS, background=TABLES[:4])
    return found.pivot(index="removed", columns="order", values="kendall_tau")


def test_what_is_important_costs_most(curves):
    between = curves.drop(index=[0, 6])
    assert (between["most"] < between["random"]).all()
    assert (between["random"] < between["least"]).all()


def test_nothing_taken_away_is_the_whole_ranking(curves):
    assert curves.loc[0].tolist() == pytest.approx([1, 1, 1])


def test_everything_taken_away_ranks_nothing(curves):
    assert curves.loc[6].tolist() == [0, 0, 0]


def test_numbers_taken_away_double(curves):
    assert curves.index.tolist() == [0, 1, 2, 4, 6]


def test_a_part_taken_away_no_longer_counts(curves):
    rest = WEIGHTS.copy()
    rest[1] = 0
    without = TABLES.values[:, :, 0].numpy() @ rest
    assert curves.loc[1, "most"] == pytest.approx(kendall_tau(without, score(TABLES).numpy()), abs=1e-3)


def test_only_some_parts_are_taken_away():
    targets = score(TABLES).numpy()
    among = [0, 5]
    found = deletion_curves(score, TABLES, targets, PARTS, WEIGHTS, among=among, background=TABLES[:4])
    assert found["removed"].max() == 2
    assert found["kendall_tau"].min() == pytest.approx(1)
