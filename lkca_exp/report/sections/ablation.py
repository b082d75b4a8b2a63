"""Lines along a number that varies: kernel size, share of the data, depth, learning rate, with an interval a point."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import altair as alt

from lkca_exp.report.charts.chart import (
    WIDE,
    Chart,
    Mean,
    axis_title,
    coloured,
    mean_of,
    plot,
    points_with_bars,
    tips,
    titled,
    unnamed,
    zoomable,
)
from lkca_exp.report.charts.style import MOST_DRAWN, Style, styles
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.names import MIXER, PRESET, describe
from lkca_exp.report.compare.variant import Summary, Variant
from lkca_exp.report.read.load import is_number
from lkca_exp.report.section import Block, Material, Section

NO_AMOUNT = ("data.subset_seed", "numerics")
"""Numbers that are names."""


WORDS = {"data.fraction": "fraction of the training images", "optim.lr": "learning rate"}
FRACTIONS = ("data.fraction",)
"""Numbers that are read in percent."""


@dataclass(frozen=True)
class Line:
    """Variants that differ in one key only, sorted by its value."""

    name: str
    points: tuple[tuple[float, Variant], ...]


@dataclass(frozen=True)
class Ablation:
    """Lines that may be compared: the same images and protocol, but for the key. `place` names those where there are
    several. `references` are the baselines that have no such key."""

    key: str
    place: str
    lines: tuple[Line, ...]
    references: tuple[Variant, ...]


def section(material: Material) -> Section:
    """Lines that are no variant get a style of their own."""
    summary = material.summary
    drawn = ablations(summary)
    style = styles(summary, [line.name for ablation in drawn for line in ablation.lines])
    charts = [_chart(ablation, summary.metric, style) for ablation in drawn]
    return Section([Block("What a number does", charts=charts)] if charts else [])


def ablations(summary: Summary) -> list[Ablation]:
    """One for every number that takes two values or more on some line, and for every place where it does."""
    keys = [key for key in (*summary.shown, *summary.apart) if key not in NO_AMOUNT]
    return [ablation for key in keys for ablation in _along(key, summary)]


def _along(key: str, summary: Summary) -> list[Ablation]:
    apart = [other for other in summary.apart if other != key]
    places: dict[str, list[Variant]] = {}
    for variant in summary.variants:
        if variant.score is not None:
            places.setdefault(_values(variant, apart), []).append(variant)
    candidates = [_ablation(key, _place(key, variants[0], summary), variants, summary) for variants in places.values()]
    return [ablation for ablation in candidates if ablation.lines]


def _ablation(key: str, place: str, variants: Sequence[Variant], summary: Summary) -> Ablation:
    names = [PRESET, MIXER]
    rest = list(dict.fromkeys([*names, *(other for other in summary.shown if other != key)]))
    lines: dict[str, list[tuple[float, Variant]]] = {}
    for variant in variants:
        value = variant.keys.get(key)
        if is_number(value):
            lines.setdefault(_values(variant, rest), []).append((float(value), variant))
    drawn = [sorted(points, key=_value) for points in lines.values() if len({value for value, _ in points}) > 1]
    naming = [
        other for other in rest if other in names or len({_values(points[0][1], [other]) for points in drawn}) > 1
    ]
    return Ablation(
        key,
        place,
        tuple(Line(_line_name(points[0][1], naming), tuple(points)) for points in drawn),
        tuple(variant for variant in variants if variant.is_baseline and variant.keys.get(key) is None),
    )


def _line_name(variant: Variant, keys: Iterable[str]) -> str:
    """The mixer names a model without a preset, and stands beside a preset where its variants differ in it."""
    kept = [key for key in keys if key in variant.named_by or (key == MIXER and PRESET not in variant.keys)]
    return describe(variant.keys, kept)


def _place(key: str, variant: Variant, summary: Summary) -> str:
    if key in summary.apart:
        return describe(variant.keys, [other for other in summary.apart if other != key], ", ")
    return variant.setting if len(summary.settings) > 1 else ""


def _values(variant: Variant, keys: Iterable[str]) -> str:
    return json.dumps([variant.keys.get(key) for key in keys], default=str)


def _value(point: tuple[float, Variant]) -> float:
    return point[0]


def _chart(ablation: Ablation, metric: Metric, style: Mapping[str, Style]) -> Chart:
    """A key's, with the lines that reach highest where they are many."""
    lines = sorted(ablation.lines, key=lambda line: max(map(_height, line.points)), reverse=True)[:MOST_DRAWN]
    points = [replace(mean_of(variant, value), variant=line.name) for line in lines for value, variant in line.points]
    levels = [mean_of(variant) for variant in ablation.references]
    variants = [*(variant for line in lines for _, variant in line.points), *ablation.references]
    called = called_in_words(ablation.key)
    where = f" on {ablation.place}" if ablation.place else ""
    title = titled(
        f"{metric.full_name} by {called}{where}", (metric.stamp(variant.selected_on) for variant in variants)
    )
    note = "Mean over seeds; the bars are 95 % confidence intervals."
    if levels:
        note += f" The level and its band are a baseline that has no {called}, with its interval."
    if len(lines) < len(ablation.lines):
        note += f" Of {len(ablation.lines)} lines those that reach highest are drawn."
    shown = {
        name: style[name] for name in [*dict.fromkeys(row.variant for row in points), *(row.variant for row in levels)]
    }
    layers = _layers(ablation.key, points, levels, axis_title(metric), shown)
    return Chart(f"ablation-{ablation.key}-{ablation.place}", title, note, layers, style=shown, zoom=("x", "y"))


def _layers(
    key: str, points: Sequence[Mean], levels: Sequence[Mean], title: str, style: Mapping[str, Style]
) -> list[alt.Chart]:
    values = sorted({row.x for row in points if row.x is not None})
    log = values[0] > 0 and values[-1] > WIDE * values[0]
    called, form = called_in_words(key), "~%" if key in FRACTIONS else "~g"
    x = alt.X("x:Q", title=called, scale=zoomable("x", log=log), axis=alt.Axis(values=values, format=form, grid=False))
    y = partial(alt.Y, type="quantitative", title=title, scale=zoomable("y"))
    band = plot([row for row in levels if row.low is not None], "", "mean").mark_rect(opacity=0.15, clip=True)
    level = plot(levels, "", "mean").mark_rule(strokeWidth=2)
    line = plot(points).mark_line(clip=True)
    return [
        band.encode(y("low"), y2=alt.Y2("high:Q"), **unnamed(style, "fill")),
        level.encode(y("mean"), tooltip=tips("variant:N", "text:N"), **coloured(style), **unnamed(style, "strokeDash")),
        line.encode(x, y("mean"), **coloured(style), **unnamed(style, "strokeDash")),
        *points_with_bars(points, x, y, style, [alt.Tooltip("x:Q", title=called, format=form)]),
    ]


def called_in_words(key: str) -> str:
    """kernel size, for model.mixer.kernel_size."""
    return WORDS.get(key, key.rpartition(".")[2].replace("_", " "))


def _height(point: tuple[float, Variant]) -> float:
    variant = point[1]
    return variant.metric.better(variant.score.mean) if variant.score else 0.0
