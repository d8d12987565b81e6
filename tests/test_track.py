"""Tracks: which architectures a leaderboard is about, and what is known of them."""

import numpy as np
import pandas as pd
import pytest

from parzc.evaluation.track import Track, open_track
from parzc.spaces.nasbench201 import NASBench201
from tests.tables import CELLS, write_cells


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    return write_cells(tmp_path_factory.mktemp("track"))


def test_canonical_cells_serve_all_notations(files) -> None:
    contest = open_track(Track(**files))
    names = contest.candidates.architectures
    assert len(names) == len(pd.read_csv(files["targets"])) > len(CELLS)
    for name, own in zip(names, contest.candidates.canonical, strict=True):
        np.testing.assert_array_equal(
            contest.candidates.tables[name].values, contest.candidates.tables[own].values
        )


def test_order_is_that_of_the_benchmark(files) -> None:
    names = open_track(Track(**files)).candidates.architectures
    place = {cell: index for index, cell in enumerate(NASBench201().architectures())}
    assert sorted(names, key=place.__getitem__) == list(names)


def test_stored_notations_only(files) -> None:
    assert set(open_track(Track(**files, notations="stored")).candidates.architectures) == set(CELLS)


def test_columns_are_those_of_the_same_function(files) -> None:
    candidates = open_track(Track(**files)).candidates
    expected = [CELLS.index(own) for own in candidates.canonical]
    assert candidates.columns["rank"].tolist() == expected


def test_columns_with_accuracies_are_refused(files) -> None:
    with pytest.raises(ValueError, match="should hold no accuracies"):
        open_track(Track(**(files | {"columns": files["targets"]})))


def test_a_smaller_budget_is_the_start_of_a_larger_one(files) -> None:
    contest = open_track(Track(**files))
    np.testing.assert_array_equal(contest.draw(5, 3), contest.draw(9, 3)[:5])
    assert set(contest.draw(9, 3)) != set(contest.draw(9, 4))


def test_parts_leave_out_what_was_known(files) -> None:
    contest = open_track(Track(**files))
    known = contest.draw(9, 0)
    parts = contest.parts(known)
    assert parts["all"].all()
    assert not parts["held_out"][known].any()
    assert parts["held_out"].sum() == len(contest.tests) - 9
    canonical = np.array(contest.candidates.canonical)
    assert not set(canonical[parts["unseen"]]) & set(canonical[known])
    assert set(canonical[parts["unseen"]]) | set(canonical[known]) == set(canonical)
