"""What every data source promises."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from parzc import plugins

DATASETS = plugins.available("datasets")


@pytest.fixture(params=DATASETS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    random = np.random.default_rng(0)
    images = random.integers(256, size=(40, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(40) % 4
    options = {}
    if request.param == "npz":
        np.savez(tmp_path / "a.npz", x_train=images, y_train=labels)
        options = {"path": str(tmp_path / "a.npz")}
    if request.param == "folder":
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            (tmp_path / f"class{label}").mkdir(exist_ok=True)
            Image.fromarray(image).save(tmp_path / f"class{label}" / f"{index}.png")
        options = {"path": str(tmp_path), "size": 8}
    return plugins.build("datasets", {"name": request.param, **options})


def test_parts_are_whole(source) -> None:
    data = source.load()
    for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        assert len(x) == len(y) > 0
        assert tuple(x.shape[1:]) == data.shape
        assert x.dtype == torch.float32
        assert y.dtype == torch.int64
        assert 0 <= int(y.min()) <= int(y.max()) < data.classes
        assert bool(x.isfinite().all())


def test_training_part_is_standardised(source) -> None:
    data = source.load()
    mean, deviation = data.train_x.mean((0, 2, 3)), data.train_x.std((0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-4, rtol=0)
    torch.testing.assert_close(deviation, torch.ones_like(deviation), atol=1e-4, rtol=0)


def test_loading_is_repeatable(source) -> None:
    torch.testing.assert_close(source.load().test_x, source.load().test_x, rtol=0, atol=0)


def test_loading_leaves_the_random_states_alone(source) -> None:
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    source.load()
    assert torch.equal(torch_before, torch.get_rng_state())
    assert np.array_equal(numpy_before, np.random.get_state()[1])


def test_batch_is_seeded_and_of_the_training_part(source) -> None:
    data = source.load()
    x, y = data.batch(16, seed=1)
    again, _ = data.batch(16, seed=1)
    other, _ = data.batch(16, seed=2)
    assert torch.equal(x, again)
    assert not torch.equal(x, other)
    rows = (x[:, None] == data.train_x[None]).flatten(2).all(-1)
    assert bool((rows.sum(1) == 1).all())
    assert torch.equal(data.train_y[rows.int().argmax(1)], y)
