"""The picture of a batch."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from lkca_exp.augment.normalise import normalise
from lkca_exp.augment.preview import CELL_PX, caption, write_preview
from tests.augment.conftest import pictures

NAMES = ("ant", "a very long name that fits into no cell at all", "cat")


def test_the_images_are_in_the_picture(tmp_path):
    images = pictures(10, 3, 28)
    write_preview(tmp_path / "a.png", normalise(images, (0.5,), (0.2,)), torch.arange(10) % 3, NAMES, (0.5,), (0.2,))
    sheet = np.asarray(Image.open(tmp_path / "a.png"))
    for image in images[5:]:
        cell = image.permute(1, 2, 0).repeat_interleave(CELL_PX // 28, 0).repeat_interleave(CELL_PX // 28, 1).numpy()
        corners = np.argwhere((sheet == cell[0, 0]).all(-1))
        assert any(np.array_equal(sheet[y : y + CELL_PX, x : x + CELL_PX], cell) for y, x in corners)


def test_grey_images_and_mixed_labels(tmp_path):
    images, targets = normalise(pictures(6, 1, 8), (0.5,), (0.2,)), torch.full((6, 3), 1 / 3)
    write_preview(tmp_path / "a.png", images, targets, NAMES, (0.5,), (0.2,), title="Title", columns=3)
    assert Image.open(tmp_path / "a.png").size[0] < 3 * (CELL_PX + 20)


def test_captions():
    assert caption(torch.tensor(2), NAMES) == ["cat"]
    assert caption(torch.tensor([0.0, 0.0, 1.0]), NAMES) == ["cat"]
    assert caption(torch.tensor([0.3, 0.0, 0.7]), NAMES) == ["70% cat", "30% ant"]
