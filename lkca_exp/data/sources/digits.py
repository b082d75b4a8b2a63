"""Optical recognition of handwritten digits (Alpaydin and Kaynak 1998, UCI), the 1,797 test images of 8 x 8 pixels that
scikit-learn ships. They come without a split: a stratified fifth, always the same, is our test set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.splits import split_off

NUM_TEST = 360
DARKEST = 16


def load(root: Path, verify: bool) -> Arrays:
    """The digits; they are part of scikit-learn, so neither argument matters."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.rint(images * (255 / DARKEST)).astype(np.uint8).reshape(-1, 1, 8, 8)
    everything = Split(pixels, labels.astype(np.int64))
    train, test = split_off(everything.labels, NUM_TEST, seed=0)
    return Arrays(everything.take(train), everything.take(test))
