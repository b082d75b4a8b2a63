"""Every run as a dot, and the mean of each variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import altair as alt

from lkca_exp.report.charts.chart import (
    Chart,
    Mean,
    axis_title,
    coloured,
    mean_of,
    plot,
    rows_of,
    tips,
    titled,
    zoomable,
)
from lkca_exp.report.charts.style import Style, in_charts
from lkca_exp.report.compare.variant import Setting, Variant
from lkca_exp.report.section import Material, Section, charts_of_settings


@dataclass(frozen=True)
class SeedRow:
    """A run; `value` in the unit of the axis."""

    variant: str
    seed: int
    value: float
    text: str


def section(material: Material) -> Section:
    return charts_of_settings(material, seeds)


def seeds(setting: Setting, style: Mapping[str, Style]) -> list[Chart]:
    """One chart, if a run has finished: a row a variant, best first."""
    variants = [variant for variant in in_charts(setting) if variant.counted]
    if not variants:
        return []
    runs = [row for variant in variants for row in seed_rows(variant)]
    means = [mean_of(variant) for variant in variants]
    metric = variants[0].metric
    note = "A small dot is a run; the larger point and its bar are mean and 95 % confidence interval over seeds."
    if len(variants) < len([variant for variant in setting.variants if variant.counted]):
        note += f" Of {len(setting.variants)} variants the best are drawn, and the baseline."
    title = titled(f"{metric.full_name}, seed by seed", (metric.stamp(variant.selected_on) for variant in variants))
    shown = {variant.name: style[variant.name] for variant in variants}
    layers = seeds_layers(runs, means, axis_title(metric), shown)
    return [Chart("seeds", title, note, layers, 56 + 46 * len(variants), shown, "never", ("x",))]


def seed_rows(variant: Variant) -> list[SeedRow]:
    metric = variant.metric
    return [
        SeedRow(variant.name, seed, metric.scale * value, metric.text(value)) for seed, value in variant.by_seed.items()
    ]


def seeds_layers(
    runs: Sequence[SeedRow], means: Sequence[Mean], title: str, style: Mapping[str, Style]
) -> list[alt.Chart]:
    y = rows_of([*style])
    x = partial(alt.X, type="quantitative", title=title, scale=zoomable("x"))
    dots = plot(runs, x="value").mark_point(size=22, opacity=0.75)
    bars = plot(means, x="mean").mark_rule(yOffset=11)
    points = plot(means, x="mean").mark_point(size=90, yOffset=11)
    return [
        dots.encode(x("value"), y, tooltip=tips("variant:N", "seed:N", "text:N"), **coloured(style, "shape")),
        bars.encode(x("low"), y, x2=alt.X2("high:Q"), **coloured(style)),
        points.encode(x("mean"), y, tooltip=tips("variant:N", "text:N"), **coloured(style, "shape")),
    ]
