"""What a run said of every test image: predictions.npz."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass

import numpy as np

from lkca_exp.report.read.load import Run


@dataclass(frozen=True)
class Predictions:
    """Labels and top-1 predictions of the test images, in their order: two (N,) arrays of class numbers."""

    labels: np.ndarray
    predicted: np.ndarray

    @property
    def right(self) -> np.ndarray:
        return self.labels == self.predicted

    @property
    def num_classes(self) -> int:
        return int(max(self.labels.max(), self.predicted.max())) + 1

    def same_images(self, other: Predictions) -> bool:
        """As far as labels can tell: equal in number and order."""
        return np.array_equal(self.labels, other.labels)


def read_predictions(run: Run) -> Predictions | None:
    """None where the run has none, or none that can be used: the figures made of them are an extra."""
    try:
        with np.load(run.folder / "predictions.npz", allow_pickle=False) as arrays:
            labels, predicted = arrays["labels"], arrays["predictions"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    usable = all(one.ndim == 1 and one.size and one.dtype.kind in "iu" for one in (labels, predicted))
    if not usable or labels.shape != predicted.shape or min(labels.min(), predicted.min()) < 0:
        return None
    return Predictions(labels, predicted)
