"""Splits, data and training."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from parzc.encodings.resampled import Resampled
from parzc.learning.data import ArchitectureData, Task, split_architectures
from parzc.learning.training import CHECKPOINT, Recipe, collect_metrics, predict_mean, train_predictor
from parzc.losses.pairwise import Pairwise
from parzc.predictors.linear import Linear
from parzc.ranking import standard_ranks
from tests.tables import accuracy, tables

TABLES = tables(60)
TARGETS = {name: accuracy(each) for name, each in TABLES.items()}
RECIPE = Recipe(
    epochs=12,
    patience=5,
    refit=True,
    batch=16,
    learning_rate=0.02,
    weight_decay=0.0,
    anchor=1.0,
    kl_weight=0.1,
)


def prepare(fitted):
    encoding = Resampled(positions=4)
    encoding.fit(fitted)
    return encoding, Linear(length=encoding.length, channels=encoding.channels, members=2)


def run(folder: Path, *, validation: float = 0.25, seed: int = 0, recipe: Recipe = RECIPE):
    split = split_architectures(list(TABLES), 40, validation, 0)
    return train_predictor(
        [Task(TABLES, TARGETS, split)], prepare, loss=Pairwise(), recipe=recipe, folder=folder, seed=seed
    )


def test_split_covers_all_once() -> None:
    split = split_architectures(list(TABLES), 40, 0.25, 0)
    assert sorted(split.fit + split.validation + split.held_out) == sorted(TABLES)
    assert (len(split.fit), len(split.validation), len(split.held_out)) == (30, 10, 20)


def test_smaller_budget_is_part_of_a_larger_one() -> None:
    small, large = (split_architectures(list(TABLES), budget, 0.2, 3) for budget in (10, 30))
    assert set(small.budget) < set(large.budget)


def test_split_does_not_depend_on_the_order_given() -> None:
    assert split_architectures(list(TABLES)[::-1], 40, 0.2, 0) == split_architectures(
        list(TABLES), 40, 0.2, 0
    )


def test_seeds_split_differently() -> None:
    first, second = (split_architectures(list(TABLES), 20, 0.2, seed) for seed in (0, 1))
    assert set(first.budget) != set(second.budget)


def test_validation_of_fewer_than_four_is_left_out() -> None:
    assert split_architectures(list(TABLES), 15, 0.2, 0).validation == []


@pytest.mark.parametrize("budget", [1, 61])
def test_budget_has_to_fit_the_data(budget) -> None:
    with pytest.raises(ValueError, match="budget should be from 2 to 60"):
        split_architectures(list(TABLES), budget, 0.2, 0)


def test_validation_has_to_be_a_part() -> None:
    with pytest.raises(ValueError, match="validation should be in"):
        split_architectures(list(TABLES), 20, 1.0, 0)


def test_standard_ranks_have_unit_variance() -> None:
    ranks = standard_ranks(np.random.default_rng(0).random(500).tolist())
    assert ranks.mean() == pytest.approx(0, abs=1e-9)
    assert ranks.var() == pytest.approx(1, rel=1e-4)


def test_batches_are_even_and_cover_the_fit_part() -> None:
    split = split_architectures(list(TABLES), 33, 0.0, 0)
    encoding, _ = prepare(list(TABLES.values()))
    data = ArchitectureData([Task(TABLES, TARGETS, split)], encoding=encoding, batch=16)
    sizes = [len(targets) for _, targets in data.train_dataloader()]
    assert len(sizes) == data.batches
    assert sum(sizes) == 33
    assert min(sizes) > 1


def test_training_learns_the_order(tmp_path) -> None:
    trained = run(tmp_path)
    held_out = [name for name in TABLES if name not in split_architectures(list(TABLES), 40, 0.25, 0).budget]
    scores = predict_mean(trained, [TABLES[name] for name in held_out])
    assert np.corrcoef(scores, [TARGETS[name] for name in held_out])[0, 1] > 0.5


def test_one_seed_gives_the_same_weights(tmp_path) -> None:
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    for key, value in first.predictor.state_dict().items():
        torch.testing.assert_close(second.predictor.state_dict()[key], value, rtol=0, atol=0)


def test_another_seed_gives_other_weights(tmp_path) -> None:
    first, second = run(tmp_path / "a"), run(tmp_path / "b", seed=1)
    assert not torch.equal(first.predictor.read.mu, second.predictor.read.mu)


def test_training_leaves_the_global_random_state(tmp_path) -> None:
    before = torch.get_rng_state()
    run(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


def test_refit_fits_the_encoding_to_the_whole_budget(tmp_path) -> None:
    seen = []

    def watched(fitted):
        seen.append(len(fitted))
        return prepare(fitted)

    split = split_architectures(list(TABLES), 40, 0.25, 0)
    train_predictor(
        [Task(TABLES, TARGETS, split)], watched, loss=Pairwise(), recipe=RECIPE, folder=tmp_path, seed=0
    )
    assert seen == [30, 40]


def test_without_refit_the_best_epoch_is_kept(tmp_path) -> None:
    trained = run(tmp_path, recipe=Recipe(**(vars(RECIPE) | {"refit": False})))
    collect_metrics(tmp_path)
    metrics = pd.read_csv(tmp_path / "metrics.csv")
    assert trained.epochs == metrics["validation_loss"].idxmin() + 1
    weights = torch.load(tmp_path / CHECKPOINT, weights_only=True)["state_dict"]
    torch.testing.assert_close(weights["predictor.read.mu"], trained.predictor.read.mu.detach())


def test_metrics_of_both_runs_are_collected(tmp_path) -> None:
    trained = run(tmp_path)
    collect_metrics(tmp_path)
    metrics = pd.read_csv(tmp_path / "metrics.csv")
    assert (metrics["run"] == "refit").sum() == trained.epochs
    assert {"train_loss", "train_kl", "validation_loss", "validation_tau"} <= set(metrics.columns)
    assert not list(tmp_path.glob("metrics_*"))


def test_without_validation_all_epochs_are_trained(tmp_path) -> None:
    assert run(tmp_path, validation=0.0).epochs == RECIPE.epochs


def test_tensorboard_files_are_written_when_asked_for(tmp_path) -> None:
    pytest.importorskip("tensorboard")
    run(tmp_path, recipe=Recipe(**(vars(RECIPE) | {"tensorboard": True, "epochs": 2})))
    assert list(tmp_path.glob("tensorboard_*/events.*"))
