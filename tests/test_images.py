"""Images, and what single data sources add to their contract."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from parzc.datasets.digits import Digits
from parzc.datasets.folder import Folder
from parzc.datasets.noise import Noise
from parzc.datasets.npz import Npz
from parzc.images import ImageData, channels_first, prepare, split


def archive(tmp_path: Path, **arrays: np.ndarray) -> str:
    np.savez(tmp_path / "a.npz", **arrays)
    return str(tmp_path / "a.npz")


def test_test_part_is_standardised_with_the_training_part() -> None:
    train, test = np.array([0.0, 2.0]).reshape(2, 1, 1, 1), np.array([5.0]).reshape(1, 1, 1, 1)
    assert prepare(train, np.array([0, 1]), test, np.array([0])).test_x.item() == 4


def test_constant_channel_becomes_zero() -> None:
    ones = np.ones((2, 1, 1, 1))
    assert not prepare(ones, np.array([0, 1]), ones, np.array([0, 1])).train_x.any()


def test_classes_out_of_range_are_refused() -> None:
    x = np.ones((2, 1, 1, 1))
    with pytest.raises(ValueError, match="0 to 1, found 0 to 2"):
        prepare(x, np.array([0, 2]), x, np.array([0, 1]), classes=2)


def test_a_part_without_images_is_refused() -> None:
    x, y = np.ones((2, 1, 1, 1)), np.array([0, 1])
    with pytest.raises(ValueError, match="2 for training, 0 for test"):
        prepare(x, y, x[:0], y[:0])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2, 8, 9), (2, 1, 8, 9)), ((2, 8, 9, 3), (2, 3, 8, 9)), ((2, 3, 8, 9), (2, 3, 8, 9))],
)
def test_channels_come_first(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert channels_first(np.zeros(shape)).shape == expected


@pytest.mark.parametrize("shape", [(2, 8), (2, 8, 9, 7)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="axes"):
        channels_first(np.zeros(shape))


def test_split_is_a_stratified_partition() -> None:
    labels = np.repeat([0, 1], [40, 10])
    kept, held_out = split(labels, 0.2, 0)
    assert sorted([*kept, *held_out]) == list(range(50))
    assert np.bincount(labels[held_out]).tolist() == [8, 2]


@pytest.mark.parametrize("holdout", [0.0, 1.0, 0.01])
def test_split_leaves_no_part_empty(holdout: float) -> None:
    with pytest.raises(ValueError, match="h[eo]ld"):
        split(np.arange(10), holdout, 0)


def test_batch_larger_than_the_training_part_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 8"):
        Noise(images=8).load().batch(9, 0)


def test_digits_are_all_there_and_noise_blurs_them() -> None:
    clear, blurred = Digits().load(), Digits(noise=4.0).load()
    assert len(clear.train_x) + len(clear.test_x) == 1797
    assert clear.shape == (1, 8, 8)
    assert (clear.train_y == blurred.train_y).all()
    assert 0 < (clear.train_x - blurred.train_x).abs().mean() < 1


def test_archive_with_a_test_part_keeps_it(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x, y = random.integers(256, size=(6, 4, 4), dtype=np.uint8), np.array([0, 1, 2, 0, 1, 2], np.uint8)
    data: ImageData = Npz(path=archive(tmp_path, x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])).load()
    assert (len(data.train_x), len(data.test_x), data.classes, data.shape) == (6, 2, 3, (1, 4, 4))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros(3)}, "x_train and y_train, found neither"),
        ({"x_train": np.zeros((4, 2, 2)), "y_train": np.zeros(4)}, "whole numbers"),
        ({"x_train": np.zeros((4, 2, 2)), "y_train": np.zeros(3, int)}, "4 whole numbers"),
        ({"x_train": np.array([object()]), "y_train": np.zeros(1, int)}, "plain arrays"),
        (
            {
                "x_train": np.zeros((4, 2, 2)),
                "y_train": np.zeros(4, int),
                "x_test": np.zeros((1, 3, 3)),
                "y_test": np.zeros(1, int),
            },
            "one shape",
        ),
    ],
)
def test_unfit_archives_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Npz(path=archive(tmp_path, **arrays)).load()


def test_files_that_are_no_archive_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("nonsense")
    np.save(tmp_path / "single.npy", np.zeros(3))
    for name in ("text.npz", "single.npy"):
        with pytest.raises(ValueError, match="archive"):
            Npz(path=str(tmp_path / name)).load()
    with pytest.raises(FileNotFoundError):
        Npz(path=str(tmp_path / "none.npz")).load()


def test_folder_names_the_picture_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "torn.png").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"torn\.png should be a picture"):
        Folder(path=str(tmp_path)).load()


def test_folder_scales_every_picture(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        for side in (3, 9, 20):
            Image.new("L", (side, 2 * side), side).save(tmp_path / label / f"{side}.png")
    data = Folder(path=str(tmp_path), size=6, holdout=0.4).load()
    assert (data.shape, data.classes, len(data.train_x), len(data.test_x)) == ((3, 6, 6), 2, 4, 2)


def test_folder_without_pictures_or_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no picture"):
        Folder(path=str(tmp_path)).load()
    with pytest.raises(FileNotFoundError):
        Folder(path=str(tmp_path / "none")).load()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Digits(noise=-1.0),
        lambda: Folder(path=".", size=0),
        lambda: Noise(shape=(3, 8)),
        lambda: Noise(images=1),
        lambda: Noise(classes=0),
    ],
)
def test_options_out_of_range_are_refused(make) -> None:
    with pytest.raises(ValueError, match="got"):
        make()
