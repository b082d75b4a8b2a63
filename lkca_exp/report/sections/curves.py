"""Learning curves: the mean over the finished seeds with a band, and beside it the runs that are still on their way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import altair as alt

from lkca_exp.report.charts.chart import (
    Chart,
    Mean,
    axis_title,
    coloured,
    line_with_band,
    plot,
    read_out,
    tips,
    titled,
    unnamed,
    zoomable,
)
from lkca_exp.report.charts.style import Style, in_charts
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.variant import Setting, Variant
from lkca_exp.report.formats import device, printable
from lkca_exp.report.read.load import Run
from lkca_exp.report.section import Material, Section, charts_of_settings

ACCURACIES = ("val/top1", "test/top1", "train/top1")
EVALUATED = ("val/top1", "test/top1")
MOST_EPOCHS = 150
"""Of more, every second or third ... is drawn, and the last."""


@dataclass(frozen=True)
class RunRow:
    """A run that has not finished, at an epoch; `text` at its last one."""

    variant: str
    run: str
    x: int
    mean: float
    text: str | None = None


def section(material: Material) -> Section:
    return charts_of_settings(material, curves)


def curves(setting: Setting, style: Mapping[str, Style]) -> list[Chart]:
    """The evaluated accuracy that the runs recorded, else that of training; then the loss."""
    variants = in_charts(setting)
    recorded = {key for variant in variants for run in _drawn(variant) for row in run.curve.values() for key in row}
    evaluated = [key for key in EVALUATED if key in recorded]
    keys = evaluated or [key for key in ACCURACIES if key in recorded]
    keys += [key for key in ("train/loss",) if key in recorded]
    return [_chart(variants, Metric(key), style) for key in keys]


def mean_curve(variant: Variant, key: str) -> tuple[list[int], list[list[float]]]:
    """Epochs, counted from 1, that every counted run with this key has, and the values of the runs at each of them."""
    rows = [run.curve for run in variant.counted]
    having = [[epoch for epoch, row in curve.items() if key in row] for curve in rows]
    inside = [curve for curve, epochs in zip(rows, having, strict=True) if epochs]
    shared = sorted(set.intersection(*(set(epochs) for epochs in having if epochs))) if inside else []
    return [epoch + 1 for epoch in shared], [[curve[epoch][key] for curve in inside] for epoch in shared]


def curve_rows(variant: Variant, metric: Metric) -> list[Mean]:
    """By epoch; the band runs from the lowest to the highest seed, where there are several."""
    epochs, values = mean_curve(variant, metric.key)
    rows = []
    for epoch, row in _thinned(list(zip(epochs, values, strict=True))):
        scaled = [metric.scale * value for value in row]
        low, high = (min(scaled), max(scaled)) if len(scaled) > 1 else (None, None)
        rows.append(Mean(variant.name, sum(scaled) / len(scaled), low, high, x=epoch))
    return rows


def run_rows(variant: Variant, metric: Metric) -> list[RunRow]:
    rows = []
    for run in _unfinished(variant):
        curve = sorted((epoch + 1, row[metric.key]) for epoch, row in run.curve.items() if metric.key in row)
        for epoch, value in _thinned(curve):
            text = f"seed {run.seed}: {run.status} at epoch {epoch}" if epoch == curve[-1][0] else None
            rows.append(RunRow(variant.name, run.folder.name, epoch, metric.scale * value, text))
    return rows


def epoch_in_units(variants: Sequence[Variant]) -> dict[str, dict[str, float]]:
    """What an epoch of each variant is worth in steps, in images seen, and in seconds at the training throughput that
    its records have. A unit that a variant has no number for is left out, and so are seconds of several machines.
    """
    steps: dict[str, float] = {}
    images: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for variant in variants:
        name, run = printable(variant.name), next(run for run in _drawn(variant) if run.curve)
        epoch, row = max(run.curve.items())
        speed = variant.speed("train_images_per_s")
        if "step" in row:
            steps[name] = row["step"] / (epoch + 1)
            if "batch_size" in run.config:
                images[name] = steps[name] * run.config["batch_size"]
                if speed:
                    seconds[name] = images[name] / speed.mean
    machines = {device(run) for variant in variants for run in variant.counted}
    units = {"steps": steps, "images seen": images} | ({"training time (s)": seconds} if len(machines) == 1 else {})
    return {unit: of for unit, of in units.items() if len(of) == len(variants)}


def _chart(variants: Sequence[Variant], metric: Metric, style: Mapping[str, Style]) -> Chart:
    means = [row for variant in variants for row in curve_rows(variant, metric)]
    runs = [row for variant in variants for row in run_rows(variant, metric)]
    names = {row.variant for row in means} | {row.variant for row in runs}
    shown = {variant.name: style[variant.name] for variant in variants if variant.name in names}
    stamps = (metric.stamp(variant.selected_on) for variant in variants if metric.part == "test")
    training = " on augmented training batches" if metric.key == "train/top1" else ""
    note = f"Mean over the finished seeds{training}; the band runs from the lowest to the highest seed."
    if runs:
        note += " A thin line that ends in a point is a run that has not finished; it is in no mean."
    decimals = ".2f" if metric.is_fraction else ".4f"
    return Chart(
        f"curve-{metric.key.replace('/', '-')}",
        titled(f"{metric.full_name} by epoch", stamps),
        note,
        _layers(means, runs, axis_title(metric), shown),
        style=shown,
        zoom=("x",),
        live=[read_out(means, "epoch", shown, decimals)] if means else [],
        x_axis="epoch",
        units=epoch_in_units([variant for variant in variants if variant.name in names]),
    )


def _layers(means: Sequence[Mean], runs: Sequence[RunRow], title: str, style: Mapping[str, Style]) -> list[alt.Chart]:
    x = alt.X("x:Q", title="epoch", scale=zoomable("x"), axis=alt.Axis(tickMinStep=1, grid=False))
    y = partial(alt.Y, type="quantitative", title=title, scale=zoomable("y"))
    thin = plot(runs, "x").mark_line(strokeWidth=1.25, opacity=0.6)
    ends = plot([row for row in runs if row.text], "x").mark_point()
    unfinished = [
        thin.encode(x, y("mean"), detail=alt.Detail("run:N"), **coloured(style, "strokeDash")),
        ends.encode(x, y("mean"), tooltip=tips("variant:N", "text:N"), **unnamed(style, "fill", "shape")),
    ]
    return [*(unfinished if runs else []), *line_with_band(means, x, y, style)]


def _thinned(points: Sequence[tuple[int, object]]) -> list:
    """At most about `MOST_EPOCHS` points, the last among them."""
    every = math.ceil(len(points) / MOST_EPOCHS)
    return [*points[(len(points) - 1) % every :: every]] if points else []


def _unfinished(variant: Variant) -> list[Run]:
    return [run for run in variant.runs if run.status != "finished"]


def _drawn(variant: Variant) -> list[Run]:
    return [*variant.counted, *_unfinished(variant)]
