"""Random erasing and cutout."""

from __future__ import annotations

import math

import pytest
import torch

from lkca_exp.augment.boxes import Boxes
from lkca_exp.augment.erasing import Blank, Erasing, blank, blank_singly, blank_together, draw_cutout, draw_fill
from lkca_exp.data.randomness import generator

SIZE = (64, 64)


def sides(boxes: Boxes):
    return boxes.bottom - boxes.top, boxes.right - boxes.left


@pytest.mark.parametrize("aspect", ["uniform", "log_uniform"])
def test_boxes_keep_to_their_share_area_and_aspect(aspect):
    boxes = Erasing(0.25, aspect=aspect).draw(20_000, SIZE, generator("erase"))
    heights, widths = sides(boxes)
    erased = boxes.areas() > 0
    assert abs(erased.float().mean() - 0.25) < 0.015
    areas = boxes.areas()[erased] / (64 * 64)
    assert areas.min() > 0.015
    assert areas.max() < 0.42
    ratios = (heights / widths)[erased]
    assert ratios.min() > 0.25
    assert ratios.max() < 4
    # Drawn evenly, ratios above 1 are 2.33 of 3.03; drawn by their logarithm, half.
    expected = (1 / 0.3 - 1) / (1 / 0.3 - 0.3) if aspect == "uniform" else 0.5
    assert abs((ratios > 1).float().mean() - expected) < 0.06
    assert (boxes.top >= 0).all()
    assert (boxes.bottom <= 64).all()
    assert (boxes.right <= 64).all()
    for low, high in ((boxes.top, 64 - heights), (boxes.left, 64 - widths)):
        places = (low[erased] / high[erased]).double()
        assert abs(places.mean() - 0.5) < 0.02  # anywhere in the image
        assert abs(places.std() - math.sqrt(1 / 12)) < 0.03


@pytest.mark.parametrize("blank", [blank_singly, blank_together])
def test_what_is_inside_a_box_is_written_and_nothing_else(blank):
    boxes = Erasing(0.5).draw(100, (20, 24), generator("erase"))
    images = torch.randn(100, 3, 20, 24)
    blanks = Blank.into(boxes, torch.tensor([7.0, 8.0, 9.0]).view(3, 1, 1))
    blanked = blank(images.clone(), blanks)
    for image, after, top, bottom, left, right in zip(images, blanked, *boxes, strict=True):
        expected = image.clone()
        for channel, value in enumerate((7.0, 8.0, 9.0)):
            expected[channel, top:bottom, left:right] = value
        assert torch.equal(after, expected)


def test_fills():
    boxes = Erasing(0.5).draw(100, (20, 24), generator("erase"))
    shape = (3, 20, 24)
    assert draw_fill("zero", boxes, (0.4, 0.5, 0.6), shape, generator("fill")).tolist() == [0.0]
    assert torch.equal(
        draw_fill("mean", boxes, (0.4, 0.5, 0.6), shape, generator("fill")).flatten(), torch.tensor([0.4, 0.5, 0.6])
    )
    noise = draw_fill("noise", boxes, (), shape, generator("fill"))
    images = blank(torch.full((100, *shape), 100.0), Blank.into(boxes, noise))
    written = images[images != 100]
    assert len(written) == 3 * boxes.areas().sum()
    assert abs(written.mean()) < 0.05
    assert abs(written.std() - 1) < 0.05


def test_a_cutout_is_a_square_cut_at_the_border():
    boxes = draw_cutout(5000, 16, SIZE, generator("cutout"))
    heights, widths = sides(boxes)
    assert heights.max() == widths.max() == 16
    assert heights.min() == 8  # a centre on the border's pixels
    assert set(((boxes.top + 8)[boxes.top > 0]).tolist()) == set(range(9, 64))
