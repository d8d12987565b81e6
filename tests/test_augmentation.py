"""Changes of training images."""

import pytest
import torch

from parzc.augmentation import augment

IMAGES = torch.arange(2 * 16 * 9.0).reshape(1, 2, 16, 9).repeat(200, 1, 1, 1)


def test_flipping_mirrors_about_half_of_the_images() -> None:
    torch.manual_seed(0)
    flipped = augment(IMAGES, ["flip"])
    same = (flipped == IMAGES).all(dim=(1, 2, 3))
    mirrored = (flipped == IMAGES.flip(-1)).all(dim=(1, 2, 3))
    assert (same ^ mirrored).all()
    assert 60 < same.sum() < 140


def test_cropping_shifts_by_up_to_an_eighth_and_fills_with_zeros() -> None:
    torch.manual_seed(0)
    shifted = augment(IMAGES, ["crop"])
    framed = torch.nn.functional.pad(IMAGES[:1], (2, 2, 2, 2))
    windows = {
        (down, right): framed[0, :, down : down + 16, right : right + 9]
        for down in range(5)
        for right in range(5)
    }
    found = [place for image in shifted for place, window in windows.items() if torch.equal(image, window)]
    assert len(found) == 200
    assert set(found) == set(windows)


def test_changes_follow_from_the_seed() -> None:
    torch.manual_seed(3)
    first = augment(IMAGES, ["crop", "flip"])
    torch.manual_seed(3)
    assert torch.equal(first, augment(IMAGES, ["flip", "crop"]))


@pytest.mark.parametrize("shape", [(2, 1, 1, 1), (1, 3, 8, 5)])
def test_images_keep_their_shape(shape: tuple[int, ...]) -> None:
    assert augment(torch.ones(shape), ["flip", "crop"]).shape == shape


def test_nothing_asked_for_changes_nothing_and_draws_nothing() -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    assert augment(IMAGES, []) is IMAGES
    assert torch.equal(torch.get_rng_state(), state)
