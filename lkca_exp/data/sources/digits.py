"""Optical recognition of handwritten digits (Alpaydin and Kaynak 1998, UCI), the 1,797 test images of 8 x 8 pixels that
scikit-learn ships. They come without a split: a stratified fifth, always the same, is our test set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.sources.base import Source
from lkca_exp.data.splits import split_off

DARKEST = 16


class Digits(Source):
    """Part of scikit-learn: there are no files to fetch or to verify."""

    def read(self, place: Path, verify: bool) -> Arrays:
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        pixels = np.rint(images * (255 / DARKEST)).astype(np.uint8).reshape(-1, 1, 8, 8)
        everything = Split(pixels, labels.astype(np.int64))
        train, test = split_off(everything.labels, self.spec.num_test, seed=0)
        return Arrays(everything.take(train), everything.take(test), self.spec.class_names, "scikit-learn")
