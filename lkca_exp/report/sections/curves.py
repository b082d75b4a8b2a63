"""Learning curves: the mean over the finished seeds with a band, and beside it the runs that are still on their way."""

from __future__ import annotations

from collections.abc import Mapping

from lkca_exp.report.compare.aggregate import Setting, Variant
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.figures.model import Axis, Figure, Line, Plot, Style
from lkca_exp.report.figures.styles import in_figures
from lkca_exp.report.read.load import Run
from lkca_exp.report.section import Material, Section, figures_of_settings

ACCURACIES = ("val/top1", "test/top1", "train/top1")
EVALUATED = ("val/top1", "test/top1")


def section(material: Material) -> Section:
    return figures_of_settings(material, curves)


def curves(setting: Setting, style: Mapping[str, Style]) -> list[Figure]:
    """The evaluated accuracy that the runs recorded, else that of training; then the loss."""
    variants = in_figures(setting)
    recorded = {key for variant in variants for run in _drawn(variant) for row in run.curve.values() for key in row}
    evaluated = [key for key in EVALUATED if key in recorded]
    keys = evaluated or [key for key in ACCURACIES if key in recorded]
    keys += [key for key in ("train/loss",) if key in recorded]
    return [_plot(variants, Metric(key), style) for key in keys]


def mean_curve(variant: Variant, key: str) -> tuple[list[int], list[list[float]]]:
    """Epochs, counted from 1, that every counted run with this key has, and the values of the runs at each of them."""
    rows = [run.curve for run in variant.counted]
    having = [[epoch for epoch, row in curve.items() if key in row] for curve in rows]
    inside = [curve for curve, epochs in zip(rows, having, strict=True) if epochs]
    shared = sorted(set.intersection(*(set(epochs) for epochs in having if epochs))) if inside else []
    return [epoch + 1 for epoch in shared], [[curve[epoch][key] for curve in inside] for epoch in shared]


def _plot(variants: list[Variant], metric: Metric, style: Mapping[str, Style]) -> Plot:
    lines = [line for variant in variants for line in _lines(variant, metric, style[variant.name])]
    stamps = {metric.stamp(variant.selected_on) for variant in variants if metric.part == "test"} - {""}
    title = f"{metric.full_name[0].upper()}{metric.full_name[1:]} by epoch"
    training = " on augmented training batches" if metric.key == "train/top1" else ""
    note = f"Mean over the finished seeds{training}; the band runs from the lowest to the highest seed."
    if any(line.faint for line in lines):
        note += " A thin line that ends in a point is a run that has not finished; it is in no mean."
    unit = " %" if metric.is_fraction else ""
    slug = f"curve-{metric.key.replace('/', '-')}"
    return Plot(slug, ", ".join([title, *stamps]), note, Axis("epoch"), Axis("", unit), lines)


def _lines(variant: Variant, metric: Metric, style: Style) -> list[Line]:
    lines = []
    epochs, values = mean_curve(variant, metric.key)
    if epochs:
        scaled = [[metric.scale * value for value in row] for row in values]
        means = [sum(row) / len(row) for row in scaled]
        several = len(scaled[0]) > 1
        low, high = ([min(row) for row in scaled], [max(row) for row in scaled]) if several else ([], [])
        lines.append(Line(variant.name, style, epochs, means, low, high))
    for run in _unfinished(variant):
        rows = [(epoch + 1, metric.scale * row[metric.key]) for epoch, row in run.curve.items() if metric.key in row]
        if rows:
            x, y = zip(*sorted(rows), strict=True)
            remark = f"{variant.name}, seed {run.seed}: {run.status} at epoch {x[-1]}"
            lines.append(Line(variant.name, style, x, y, faint=True, remark=remark))
    return lines


def _unfinished(variant: Variant) -> list[Run]:
    return [run for run in variant.runs if run.status != "finished"]


def _drawn(variant: Variant) -> list[Run]:
    return [*variant.counted, *_unfinished(variant)]
