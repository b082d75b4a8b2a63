"""Crop and mirroring against slow loops over single images."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from lkca_exp.augment.crop_mirror import Crop, crop, draw_crop, draw_mirror, mirror
from lkca_exp.augment.pipeline import Augmentation
from lkca_exp.data.randomness import generator


def test_a_crop_is_a_window_of_the_padded_image(images):
    corners = draw_crop(300, 2, generator("crop"))
    cropped = crop(images, (2, 2), corners)
    assert cropped.shape == images.shape
    assert cropped.dtype == torch.uint8
    padded = F.pad(images, (2, 2, 2, 2))
    for before, after, y, x in zip(padded, cropped, *corners, strict=True):
        assert torch.equal(after, before[:, y : y + 5, x : x + 7])
    assert {(int(y), int(x)) for y, x in zip(*corners, strict=True)} == {(y, x) for y in range(5) for x in range(5)}


def test_the_crop_in_the_middle_changes_nothing(images):
    middle = torch.full((300,), 3)
    assert torch.equal(crop(images, (3, 3), Crop(middle, middle)), images)


def test_rows_and_columns_are_padded_by_themselves(images):
    """What translations are made of: one side is padded alone, and not in black."""
    ends = torch.arange(300) % 2 * 8
    still = torch.zeros(300, dtype=torch.long)
    cropped = crop(images, (4, 0), Crop(ends, still), fill=9)
    padded = F.pad(images, (0, 0, 4, 4), value=9)
    for before, after, y in zip(padded, cropped, ends, strict=True):
        assert torch.equal(after, before[:, y : y + 5])


@pytest.mark.parametrize("columns", [7, 6, 8])
def test_half_of_the_images_are_mirrored(images, columns):
    """Of widths whose images eight pixels divide (8) and do not."""
    images = images.repeat(1, 1, 1, 2)[..., :columns]
    mirrored = draw_mirror(300, generator("mirror"))
    assert 110 < mirrored.sum() < 190  # 150 expected, 4.6 standard deviations
    for before, after, turned in zip(images, mirror(images.clone(), mirrored.nonzero()[:, 0]), mirrored, strict=True):
        assert torch.equal(after, before.flip(-1) if turned else before)


def test_the_draws_are_those_of_the_stored_curves():
    """Crop, then mirroring, from one generator, as runs were trained that are compared with today's."""
    drawn = Augmentation(crop_padding_px=4, mirror=True).draw(6, (3, 32, 32), generator("augment", 0, 1, 2))
    draws = generator("augment", 0, 1, 2)
    rows, columns = torch.randint(0, 9, (2, 6, 1), generator=draws)
    assert torch.equal(drawn.corners.rows, rows[:, 0])
    assert torch.equal(drawn.corners.columns, columns[:, 0])
    assert torch.equal(drawn.mirrored, torch.rand(6, generator=draws) < 0.5)
    assert drawn.corners.rows.tolist() == [8, 8, 7, 1, 1, 8]
