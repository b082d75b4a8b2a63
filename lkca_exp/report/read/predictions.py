"""The prediction of a run for every test image: predictions.npz."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lkca_exp.report.read.load import Run

FILE = "predictions.npz"
MOST_CLASSES = 1000
"""Of a record that does not say how many there are."""


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
    """The predictions of a run, None where it has none.

    Raises ValueError for a file that is damaged, or contradicts the run's record.
    """
    path = run.folder / FILE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            labels, predicted = arrays["labels"], arrays["predictions"]
    except Exception as error:  # of damaged bytes: BadZipFile, zlib.error, NotImplementedError, RuntimeError, and more
        raise ValueError(f"damaged: {error or type(error).__name__}") from error
    usable = all(numbers.ndim == 1 and numbers.size and numbers.dtype.kind in "iu" for numbers in (labels, predicted))
    if not usable or labels.shape != predicted.shape:
        raise ValueError("does not hold a label and a prediction for each test image")
    _check_against_record(run, labels, predicted)
    return Predictions(labels, predicted)


def _check_against_record(run: Run, labels: np.ndarray, predicted: np.ndarray) -> None:
    num_classes, top1 = run.derived.get("num_classes", MOST_CLASSES), run.metrics.get("test/top1")
    lowest, highest = min(labels.min(), predicted.min()), max(labels.max(), predicted.max())
    if lowest < 0 or not isinstance(num_classes, int) or highest >= num_classes:
        raise ValueError(f"has class numbers from {lowest} to {highest}; the record has {num_classes} classes")
    share = float((labels == predicted).mean())
    if top1 is not None and abs(share - top1) * len(labels) > 0.5:
        raise ValueError(f"{100 * share:.2f} % of it are right; the record has {100 * top1:.2f} % top-1")
