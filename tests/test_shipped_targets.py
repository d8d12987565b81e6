"""The benchmark that parzc ships."""

import pandas as pd
import pytest

from parzc import plugins
from parzc.shipped import shipped
from parzc.targets import read_targets

FILES = pytest.mark.parametrize(("name", "n"), [("digits_cell", 300), ("digits_vit", 150)])


@FILES
def test_architectures_are_the_sample_that_the_command_draws(name: str, n: int) -> None:
    listed = pd.read_csv(shipped(f"data/{name}.csv"))["architecture"].tolist()
    assert len(listed) >= n
    assert listed == plugins.build("spaces", name).sample(len(listed), 0)


@FILES
def test_every_architecture_has_its_accuracies(name: str, n: int) -> None:
    frame = pd.read_csv(shipped(f"data/{name}.csv"))
    for column in ("accuracy", "test_accuracy"):
        targets = read_targets(shipped(f"data/{name}.csv"), column, frame["architecture"].tolist())
        assert len(targets) == len(frame)
        seeds = frame[[f"{column}_seed{i}" for i in range(3)]]
        assert frame[column].tolist() == pytest.approx(seeds.mean(axis=1).tolist(), abs=1e-5)
