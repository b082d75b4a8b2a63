"""Augmentations against slow loops over single images."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from lkca_exp.augment.crop import random_crop
from lkca_exp.augment.mirror import random_mirror
from lkca_exp.augment.pipeline import Augmentation, normalise
from lkca_exp.data.randomness import generator


@pytest.fixture
def images():
    return torch.randint(1, 256, (300, 3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_a_crop_is_a_window_of_the_padded_image(images):
    cropped = random_crop(images, 2, generator("crop"))
    assert cropped.shape == images.shape
    assert cropped.dtype == torch.uint8
    padded = F.pad(images, (2, 2, 2, 2))
    places = []
    for before, after in zip(padded, cropped, strict=True):
        windows = {(y, x): before[:, y : y + 5, x : x + 7] for y in range(5) for x in range(5)}
        places.append(next(place for place, window in windows.items() if torch.equal(window, after)))
    assert set(places) == {(y, x) for y in range(5) for x in range(5)}  # 300 draws of 25 places


def test_no_padding_changes_nothing(images):
    assert torch.equal(random_crop(images, 0, generator("crop")), images)


def test_half_of_the_images_are_mirrored(images):
    mirrored = random_mirror(images, generator("mirror"))
    kept = [torch.equal(after, before) for before, after in zip(images, mirrored, strict=True)]
    turned = [torch.equal(after, before.flip(-1)) for before, after in zip(images, mirrored, strict=True)]
    assert all(a != b for a, b in zip(kept, turned, strict=True))
    assert 110 < sum(turned) < 190  # 150 expected, 4.6 standard deviations


def test_a_batch_of_identical_images_comes_out_different(images):
    same = images[:1].expand(64, -1, -1, -1)
    different = Augmentation(crop_padding_px=1, mirror=True)(same, generator("both"))
    assert len({image.numpy().tobytes() for image in different}) > 12  # of 18 possible ones


def test_no_mirror_means_none(images):
    assert torch.equal(Augmentation(crop_padding_px=0, mirror=False)(images, generator("none")), images)


def test_normalise(images):
    mean, std = (0.4, 0.5, 0.6), (0.1, 0.2, 0.3)
    found = normalise(images, mean, std)
    assert found.dtype == torch.float32
    for channel in range(3):
        expected = (images[:, channel].double() / 255 - mean[channel]) / std[channel]
        assert torch.allclose(found[:, channel].double(), expected, atol=1e-6)


def test_generators_differ_by_purpose_and_number():
    draws = {
        torch.rand(4, generator=generator(*key)).sum().item()
        for key in [("a",), ("b",), ("a", 0), ("a", 1), ("a", 0, 1)]
    }
    assert len(draws) == 5
