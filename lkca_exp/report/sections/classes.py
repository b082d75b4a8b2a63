"""Accuracy class by class, and confusions of the best variant and the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lkca_exp.report.compare.aggregate import Setting, Variant
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.statistics import Estimate, estimate
from lkca_exp.report.figures.model import Axis, Dots, Figure, Heatmap, Plot, Style
from lkca_exp.report.figures.styles import in_figures
from lkca_exp.report.formats import count
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
    estimates: list[Estimate | None] = []
    for index in range(num_classes):
        images = [(table[index, index], table[index].sum()) for table in tables]
        shares = [float(right / total) for right, total in images if total]
        estimates.append(estimate(shares) if shares else None)
    return estimates


def _tables(variant: Variant, predictions: Mapping[Path, Predictions], num_classes: int) -> list[np.ndarray]:
    used = [predictions[run.folder] for run in variant.counted if run.folder in predictions]
    return [
        np.bincount(of_run.labels.astype(np.int64) * num_classes + of_run.predicted, minlength=num_classes**2).reshape(
            num_classes, -1
        )
        for of_run in used
    ]


MOST_CLASSES = 20
FEW_VARIANTS = 4
"""More dots a class than this hide one another."""


def class_figures(
    setting: Setting, predictions: Mapping[Path, Predictions], style: Mapping[str, Style]
) -> list[Figure]:
    """Accuracy by class, then who takes what for what; nothing without predictions."""
    there = [
        of_run for variant in setting.variants for run in variant.counted if (of_run := predictions.get(run.folder))
    ]
    if not there:
        return []
    num_classes = max(of_run.num_classes for of_run in there)
    shown = [variant for variant in in_figures(setting) if any(run.folder in predictions for run in variant.counted)]
    kept = [variant for variant in shown if variant.is_baseline]
    kept = [*[variant for variant in shown if variant not in kept][: FEW_VARIANTS - len(kept)], *kept]
    pair = [variant for variant in kept if variant is kept[0] or variant.is_baseline]
    figures: list[Figure] = [_accuracy(kept, predictions, num_classes, style)]
    return figures + [_confusion(variant, predictions, num_classes) for variant in pair]


def _accuracy(
    variants: list[Variant], predictions: Mapping[Path, Predictions], num_classes: int, style: Mapping[str, Style]
) -> Plot:
    """A row a class; of many classes those in which the first and the last variant differ most."""
    estimates = {variant.name: accuracy_by_class(variant, predictions, num_classes) for variant in variants}
    first, last = estimates[variants[0].name], estimates[variants[-1].name]
    classes = [index for index in range(num_classes) if first[index] and last[index]]
    note = "Mean over seeds; n in the text under the pointer."
    if len(classes) > MOST_CLASSES:
        classes = sorted(sorted(classes, key=lambda index: -_gap(first[index], last[index]))[:MOST_CLASSES])
        pair = f"{variants[0].name} and {variants[-1].name}"
        note += f" Of {num_classes} classes the {MOST_CLASSES} in which {pair} differ most."
    metric = Metric("test/top1")
    called = _class_names(variants, num_classes)
    marks = []
    for variant in variants:
        of = [(row, index, point) for row, index in enumerate(classes) if (point := estimates[variant.name][index])]
        tips = [
            f"{called[index]}, {variant.name}: {metric.mean_and_sd(point)} ({count(point.n, 'seed')})"
            for _, index, point in of
        ]
        marks.append(
            Dots(
                variant.name, style[variant.name], [100 * point.mean for *_, point in of], [row for row, *_ in of], tips
            )
        )
    stamps = {metric.stamp(variant.selected_on) for variant in variants} - {""}
    names = Axis("", names=tuple(called[index] for index in classes))
    title = ", ".join(["Test top-1, class by class", *stamps])
    return Plot("classes", title, note, Axis("test top-1, %"), names, marks, 60 + 22 * len(classes))


def _class_names(variants: list[Variant], num_classes: int) -> list[str]:
    """Number and name of each class, or the number alone where no record has the names."""
    known = (run.class_names for variant in variants for run in variant.counted)
    names = next((names for names in known if len(names) == num_classes), None)
    return (
        [f"{index} {name}" for index, name in enumerate(names)]
        if names
        else [f"class {index}" for index in range(num_classes)]
    )


def _confusion(variant: Variant, predictions: Mapping[Path, Predictions], num_classes: int) -> Heatmap:
    counts = confusion(variant, predictions, num_classes)
    assert counts is not None, "only variants with predictions are drawn"
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    num_seeds = sum(run.folder in predictions for run in variant.counted)
    note = f"Percent of the test images of each class, over {count(num_seeds, 'seed')}; the diagonal is what is right."
    stamps = {variant.metric.stamp(variant.selected_on)} - {""}
    title = ", ".join([f"What {variant.name} takes for what", *stamps])
    return Heatmap(f"confusion-{variant.name}", title, note, "true class", "predicted class", shares)


def _gap(a: Estimate | None, b: Estimate | None) -> float:
    return abs(a.mean - b.mean) if a and b else 0.0
