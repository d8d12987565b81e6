"""Training one network."""

import pytest
import torch
from torch import nn

from parzc.images import ImageData
from parzc.labelling import Examples, Recipe, accuracy, divide, find_devices, fit


class _Constant(nn.Module):
    """Says class 1 whatever it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor([0.0, 1.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bias.expand(len(x), 2)


class _Watched(nn.Linear):
    """Counts how often it is put into training mode."""

    epochs = 0

    def train(self, mode: bool = True) -> nn.Module:
        self.epochs += mode
        return super().train(mode)


def two_points(n: int = 64) -> Examples:
    y = torch.arange(n) % 2
    return Examples((y * 2.0 - 1)[:, None, None, None], y)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_training_learns(optimiser: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    fit(network, two_points(), Recipe(10, 16, 0.1, optimiser))
    assert accuracy(network, two_points(700)) == 1


def against_training(recipe: Recipe) -> tuple[_Watched, float]:
    """Train where each step makes the validation part worse."""
    torch.manual_seed(0)
    train = two_points()
    valid = Examples(train.x, 1 - train.y)
    watched = _Watched(1, 2)
    nn.init.constant_(watched.weight, 0.0)
    watched.weight.data[0, 0] = 0.5  # right on the validation part, before it has learnt
    network = nn.Sequential(nn.Flatten(), watched)
    fit(network, train, recipe, valid)
    return watched, accuracy(network, valid)


def test_patience_ends_a_training_and_keeps_the_best_weights() -> None:
    patient, best = against_training(Recipe(50, 16, 0.01, patience=3))
    without, last = against_training(Recipe(50, 16, 0.01))
    assert (patient.epochs, without.epochs) == (4, 50)
    assert (best, last) == (1, 0)


def test_accuracy_is_the_share_of_right_answers() -> None:
    assert accuracy(_Constant(), Examples(torch.zeros(4, 1, 1, 1), torch.tensor([1, 0, 1, 1]))) == 0.75


def test_batch_larger_than_the_training_part_is_refused() -> None:
    with pytest.raises(ValueError, match="at most the 8"):
        fit(_Constant(), two_points(8), Recipe(1, 16, 0.1))


@pytest.mark.parametrize("wrong", [{"optimiser": "adam"}, {"learning_rate": 0.0}, {"weight_decay": -1.0}])
def test_recipes_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="should"):
        Recipe(**{"epochs": 1, "batch": 2, "learning_rate": 0.1} | wrong)


def test_validation_part_is_held_out_of_the_training_part() -> None:
    examples = two_points(20)
    data = ImageData(torch.arange(20.0).reshape(20, 1, 1, 1), examples.y, examples.x, examples.y, 2)
    parts = divide(data, 0.3, 0)
    assert (len(parts["train"].x), len(parts["valid"].x), len(parts["test"].x)) == (14, 6, 20)
    assert not set(parts["train"].x.flatten().tolist()) & set(parts["valid"].x.flatten().tolist())


def test_all_gpus_are_used_if_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_devices("auto") == find_devices("cuda") == ["cuda:0", "cuda:1"]
    assert find_devices("cuda:1") == ["cuda:1"]
    assert find_devices("cpu") == ["cpu"]


def test_without_a_gpu_none_is_used_or_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert find_devices("auto") == ["cpu"]
    with pytest.raises(ValueError, match="finds no GPU"):
        find_devices("cuda")
