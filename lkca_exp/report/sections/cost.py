"""Accuracy against what it costs, with the Pareto front: the variants that no other one beats in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import altair as alt

from lkca_exp.report.charts.chart import (
    WIDE,
    Chart,
    Mean,
    axis_title,
    mean_of,
    plot,
    points_with_bars,
    titled,
    zoomable,
)
from lkca_exp.report.charts.style import Style, in_charts
from lkca_exp.report.charts.theme import QUIET
from lkca_exp.report.compare.variant import Setting, Variant
from lkca_exp.report.formats import count, device
from lkca_exp.report.section import Material, Section, charts_of_settings


@dataclass(frozen=True)
class Cost:
    """`of` a variant; `measured` ones compare on one machine only."""

    slug: str
    title: str
    of: Callable[[Variant], float | None]
    less_is_better: bool = True
    measured: bool = False


FRONT = "Pareto front"
COSTS = (
    Cost("parameters", "parameters", lambda variant: variant.constant("parameters")),
    Cost("flops", "FLOPs an image", lambda variant: variant.constant("flops_per_image")),
    Cost("throughput", "training images/s", lambda variant: _throughput(variant), False, True),
)


def section(material: Material) -> Section:
    return charts_of_settings(material, costs)


def costs(setting: Setting, style: Mapping[str, Style]) -> list[Chart]:
    """A chart for each cost in which two variants differ."""
    variants = [variant for variant in in_charts(setting) if variant.score]
    charts = [_chart(cost, variants, style) for cost in COSTS]
    return [chart for chart in charts if chart is not None]


def pareto(points: Sequence[tuple[float, float]], less_is_better: bool, higher_is_better: bool) -> list[int]:
    """Indices of the (cost, score) points that no other one beats, by rising cost value."""
    sign, way = (1 if less_is_better else -1), (1 if higher_is_better else -1)

    def beaten(index: int) -> bool:
        cost, score = sign * points[index][0], way * points[index][1]
        others = [(sign * a, way * b) for place, (a, b) in enumerate(points) if place != index]
        return any(a <= cost and b >= score and (a, b) != (cost, score) for a, b in others)

    return sorted((index for index in range(len(points)) if not beaten(index)), key=lambda index: points[index])


def _chart(cost: Cost, variants: Sequence[Variant], style: Mapping[str, Style]) -> Chart | None:
    devices = {device(run) for variant in variants for run in variant.counted}
    rows = [mean_of(variant, value) for variant in variants if (value := cost.of(variant))]
    values = [row.x for row in rows if row.x]
    if len(set(values)) < 2 or (cost.measured and len(devices) > 1):
        return None
    metric = variants[0].metric
    places = [(value, row.mean) for value, row in zip(values, rows, strict=True)]
    front = pareto(places, cost.less_is_better, metric.higher_is_better)
    on = f", on {devices.pop()}" if cost.measured else ""
    note = (
        f"Mean and 95 % confidence interval over seeds{on}. The broken line is the Pareto front: "
        f"{count(len(front), 'variant')} that no other one beats in both."
    )
    stamps = (metric.stamp(variant.selected_on) for variant in variants)
    shown = {row.variant: style[row.variant] for row in rows}
    line = plot(Mean(FRONT, rows[index].mean, x=values[index]) for index in front).mark_line(
        interpolate="step-before" if cost.less_is_better != metric.higher_is_better else "step-after",
        color=QUIET,
        strokeWidth=1.5,
        strokeDash=[4, 3],
        clip=True,
    )
    log = max(values) > WIDE * min(values)
    x = alt.X("x:Q", title=cost.title, scale=zoomable("x", log=log), axis=alt.Axis(format="~s"))
    y = partial(alt.Y, type="quantitative", title=axis_title(metric), scale=zoomable("y"))
    tip = alt.Tooltip("x:Q", title=cost.title, format=",.0f")
    layers = [line.encode(x, y("mean")), *points_with_bars(rows, x, y, shown, [tip])]
    title = titled(f"{metric.full_name} against {cost.title}", stamps)
    return Chart(f"cost-{cost.slug}", title, note, layers, style=shown, zoom=("x", "y"))


def _throughput(variant: Variant) -> float | None:
    speed = variant.speed("train_images_per_s")
    return speed.mean if speed else None
