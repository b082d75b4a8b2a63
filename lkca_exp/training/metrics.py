"""What is measured on an evaluation set, accumulated on the device and read once."""

from __future__ import annotations

from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassCalibrationError

FEWEST_CLASSES_FOR_TOP5 = 6


def build_metrics(num_classes: int) -> MetricCollection:
    """Top-1, top-5 where it says something, and expected calibration error in 15 bins (Guo et al. 2017, arXiv
    1706.04599); all are fractions."""
    metrics: dict[str, Metric | MetricCollection] = {"top1": _accuracy(num_classes, 1)}
    if num_classes >= FEWEST_CLASSES_FOR_TOP5:
        metrics["top5"] = _accuracy(num_classes, 5)
    metrics["calibration_error"] = MulticlassCalibrationError(num_classes, n_bins=15, validate_args=False)
    return MetricCollection(metrics, compute_groups=False)


def _accuracy(num_classes: int, top_k: int) -> Metric:
    return MulticlassAccuracy(num_classes, top_k=top_k, average="micro", validate_args=False)
