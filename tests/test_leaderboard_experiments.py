"""Shipped leaderboards name competitors that exist, with the settings of the experiments they stand for."""

from operator import attrgetter

import pytest

from parzc.config import compose
from parzc.evaluation.leaderboard import read_entries
from parzc.shipped import shipped


@pytest.mark.parametrize(
    "name", sorted(shipped("conf/experiment").glob("leaderboard_*.yaml")), ids=attrgetter("stem")
)
def test_shipped_leaderboards_can_be_made(name) -> None:
    pytest.importorskip("xgboost")
    settings = compose("evaluate", [f"experiment={name.stem}"])
    assert len(read_entries(settings["leaderboard"])) == len(settings["leaderboard"]) > 1


@pytest.mark.parametrize(
    ("board", "entry", "experiment"),
    [
        ("leaderboard_darts", "few_labels", "few_labels"),
        ("leaderboard_active", "random", "committee"),
        ("leaderboard_committee", "committee", "committee"),
        ("leaderboard_spaces", "committee", "committee"),
    ],
)
def test_an_entry_has_the_settings_of_the_experiment_it_names(board, entry, experiment) -> None:
    ours = compose("evaluate", [f"experiment={board}"])["leaderboard"][entry]
    words = [f"experiment={experiment}", "features=f", "targets=t", "target=a", "out=o"]
    alone = compose("train", words)
    assert all(alone[name] == value for name, value in ours["recipe"].items())
    for part in ("encoding", "predictor"):
        spec = {"name": ours[part]} if isinstance(ours[part], str) else dict(ours[part])
        if board == "leaderboard_active":  # its committee has no mixer, so that every round is short
            spec.pop("mixer", None)
        assert {name: alone[part][name] for name in spec} == spec
