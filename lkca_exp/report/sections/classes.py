"""Accuracy class by class, and confusions of the best variant and the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import altair as alt
import numpy as np

from lkca_exp.report.charts.chart import Chart, coloured, plot, tips, titled, zoomable
from lkca_exp.report.charts.style import Style, in_charts
from lkca_exp.report.charts.theme import CELL, INK, ON_CELL
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.statistics import Estimate, estimate
from lkca_exp.report.compare.variant import Setting, Variant
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
LEAST_SHARE = 0.01
"""Of a class: a cell with less is not drawn."""


@dataclass(frozen=True)
class ClassRow:
    """The accuracy of a variant on the test images of a class, in percent."""

    variant: str
    name: str
    mean: float
    text: str


@dataclass(frozen=True)
class ConfusionRow:
    """The share of a class's test images that a class is predicted for."""

    variant: str
    label: str
    predicted: str
    share: float


def class_charts(setting: Setting, predictions: Mapping[Path, Predictions], style: Mapping[str, Style]) -> list[Chart]:
    """Accuracy by class, then who takes what for what; nothing without predictions."""
    there = [
        of_run for variant in setting.variants for run in variant.counted if (of_run := predictions.get(run.folder))
    ]
    if not there:
        return []
    shown = [variant for variant in in_charts(setting) if any(run.folder in predictions for run in variant.counted)]
    kept = [variant for variant in shown if variant.is_baseline]
    kept = [*[variant for variant in shown if variant not in kept][: FEW_VARIANTS - len(kept)], *kept]
    pair = [variant for variant in kept if variant is kept[0] or variant.is_baseline]
    called = class_names(kept, max(of_run.num_classes for of_run in there))
    accuracy = _accuracy(kept, predictions, called, {variant.name: style[variant.name] for variant in kept})
    return [accuracy, *(_confusion(variant, predictions, called) for variant in pair)]


def class_names(variants: Sequence[Variant], num_classes: int) -> list[str]:
    """The name of each class, with its number where two have the same; the number alone where no record has names."""
    known = (run.class_names for variant in variants for run in variant.counted)
    names = next((names for names in known if len(names) == num_classes), [str(n) for n in range(num_classes)])
    times = Counter(names)
    return [name if times[name] == 1 else f"{index} {name}" for index, name in enumerate(names)]


def _accuracy(
    variants: Sequence[Variant],
    predictions: Mapping[Path, Predictions],
    called: Sequence[str],
    style: Mapping[str, Style],
) -> Chart:
    """A row a class; of many classes those in which the first and the last variant differ most."""
    estimates = {variant.name: accuracy_by_class(variant, predictions, len(called)) for variant in variants}
    first, last = estimates[variants[0].name], estimates[variants[-1].name]
    classes = [index for index in range(len(called)) if first[index] and last[index]]
    note = "Mean over seeds; n in the text under the pointer."
    if len(classes) > MOST_CLASSES:
        classes = sorted(sorted(classes, key=lambda index: -_gap(first[index], last[index]))[:MOST_CLASSES])
        pair = f"{variants[0].name} and {variants[-1].name}"
        note += f" Of {len(called)} classes the {MOST_CLASSES} in which {pair} differ most."
    metric = Metric("test/top1")
    rows = [
        ClassRow(
            variant.name,
            called[index],
            100 * point.mean,
            f"{metric.mean_and_sd(point)} ({count(point.n, 'seed')})",
        )
        for variant in variants
        for index in classes
        if (point := estimates[variant.name][index])
    ]
    y = alt.Y("name:N", sort=[called[index] for index in classes], title="class", axis=alt.Axis(grid=True))
    x = alt.X("mean:Q", title="test top-1 (%)", scale=zoomable("x"))
    points = plot(rows, "mean").mark_point(size=60, opacity=0.9)
    layer = points.encode(x, y, tooltip=[*tips("variant:N"), alt.Tooltip("name:N", title="class"), *tips("text:N")])
    stamps = (metric.stamp(variant.selected_on) for variant in variants)
    return Chart(
        "classes",
        titled("test top-1, class by class", stamps),
        note,
        [layer.encode(**coloured(style, "shape"))],
        60 + 22 * len(classes),
        style,
        zoom=("x",),
    )


def _confusion(variant: Variant, predictions: Mapping[Path, Predictions], called: Sequence[str]) -> Chart:
    counts = confusion(variant, predictions, len(called))
    assert counts is not None, "only variants with predictions are drawn"
    rows = confusion_rows(variant.name, counts, called)
    num_seeds = sum(run.folder in predictions for run in variant.counted)
    note = (
        f"Percent of the test images of each class, over {count(num_seeds, 'seed')}; the diagonal is what is right. "
        f"Less than {LEAST_SHARE:.0%} is left blank."
    )
    title = titled(f"what {variant.name} takes for what", [variant.metric.stamp(variant.selected_on)])
    layers = _heatmap(rows, called, with_text=len(called) <= MOST_CLASSES)
    return Chart(f"confusion-{variant.name}", title, note, layers, 372)


def confusion_rows(name: str, counts: np.ndarray, called: Sequence[str]) -> list[ConfusionRow]:
    """Of a table (classes, classes) of counts, true class by predicted class."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return [
        ConfusionRow(name, called[row], called[column], float(shares[row, column]))
        for row, column in np.argwhere(shares >= LEAST_SHARE)
    ]


def _heatmap(rows: Sequence[ConfusionRow], called: Sequence[str], with_text: bool) -> list[alt.Chart]:
    scale = alt.Scale(domain=[*called], type="band")
    axis = alt.Axis(grid=False, labelLimit=90)
    base = plot(rows).encode(
        alt.X("predicted:N", title="predicted class", scale=scale, axis=axis),
        alt.Y("label:N", title="true class", scale=scale, axis=axis),
        tooltip=[
            alt.Tooltip("label:N", title="true class"),
            alt.Tooltip("predicted:N", title="predicted class"),
            alt.Tooltip("share:Q", format=".2%"),
        ],
    )
    shade = alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0, 1]), legend=None)
    cells = base.mark_rect(color=CELL).encode(opacity=shade)
    if not with_text:
        return [cells]
    ink = alt.ColorValue(INK, condition={"test": "datum.share > 0.5", "value": ON_CELL})
    texts = base.transform_calculate(percent="round(100 * datum.share)").mark_text(fontSize=10)
    return [cells, texts.encode(text=alt.Text("percent:Q"), color=ink)]


def _gap(a: Estimate | None, b: Estimate | None) -> float:
    return abs(a.mean - b.mean) if a and b else 0.0
