"""Accuracy class by class, and what is taken for what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lkca_exp.report.compare.aggregate import Variant
from lkca_exp.report.compare.statistics import Estimate, estimate
from lkca_exp.report.read.predictions import Predictions


def confusion(variant: Variant, predictions: Mapping[Path, Predictions], num_classes: int) -> np.ndarray | None:
    """(classes, classes) counts of test images, true class by predicted class, summed over the seeds; None without
    predictions."""
    tables = _tables(variant, predictions, num_classes)
    return np.sum(tables, axis=0) if tables else None


def accuracy_by_class(
    variant: Variant, predictions: Mapping[Path, Predictions], num_classes: int
) -> list[Estimate | None]:
    """Estimates over the seeds, fractions; None for a class without test images."""
    tables = _tables(variant, predictions, num_classes)
    found: list[Estimate | None] = []
    for index in range(num_classes):
        images = [(table[index, index], table[index].sum()) for table in tables]
        shares = [float(right / total) for right, total in images if total]
        found.append(estimate(shares) if shares else None)
    return found


def _tables(variant: Variant, predictions: Mapping[Path, Predictions], num_classes: int) -> list[np.ndarray]:
    used = [predictions[run.folder] for run in variant.counted if run.folder in predictions]
    return [
        np.bincount(one.labels * num_classes + one.predicted, minlength=num_classes**2).reshape(num_classes, -1)
        for one in used
    ]
