"""Lines along a number that varies: kernel size, share of the data, depth, learning rate, with an interval a point."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lkca_exp.report.compare.aggregate import Summary, Variant
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.names import MIXER, PRESET, describe
from lkca_exp.report.figures import model
from lkca_exp.report.figures.model import Axis, Level, Mark, Plot, Style
from lkca_exp.report.figures.styles import MOST_DRAWN, WIDE, describe_point, interval, styles
from lkca_exp.report.read.load import is_number
from lkca_exp.report.section import Block, Material, Section

NO_AMOUNT = ("data.subset_seed", "numerics")
"""Numbers that are names."""


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
    figures = [_figure(ablation, summary.metric, style) for ablation in drawn]
    return Section([Block("What a number does", figures=figures)] if figures else [])


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


def _figure(ablation: Ablation, metric: Metric, style: Mapping[str, Style]) -> Plot:
    """A key's, with the lines that reach highest where they are many."""
    lines = sorted(ablation.lines, key=lambda line: max(map(_height, line.points)), reverse=True)[:MOST_DRAWN]
    marks: list[Mark] = [_line(line, metric, style[line.name]) for line in lines]
    marks += [
        Level(variant.name, style[variant.name], interval(variant)[0], describe_point(variant))
        for variant in ablation.references
    ]
    values = sorted({value for line in lines for value, _ in line.points})
    variants = [*(variant for line in lines for _, variant in line.points), *ablation.references]
    stamps = {metric.stamp(variant.selected_on) for variant in variants} - {""}
    last = ablation.key.rpartition(".")[2]
    where = f" on {ablation.place}" if ablation.place else ""
    title = ", ".join([f"{metric.full_name[0].upper()}{metric.full_name[1:]} by {last}{where}", *stamps])
    note = "Mean over seeds; the bars are 95 % confidence intervals."
    if ablation.references:
        note += f" The level is a baseline that has no {last}."
    if len(lines) < len(ablation.lines):
        note += f" Of {len(ablation.lines)} lines those that reach highest are drawn."
    wide = values[0] > 0 and values[-1] > WIDE * values[0]
    axis = Axis(ablation.key, log=wide, ticks=tuple(values))
    unit = " %" if metric.is_fraction else ""
    slug = f"ablation-{ablation.key}-{ablation.place}"
    return Plot(slug, title, note, axis, Axis("", unit), marks, legend=True)


def _line(line: Line, metric: Metric, style: Style) -> model.Line:
    x = [value for value, _ in line.points]
    means = [interval(variant) for _, variant in line.points]
    y = [mean for mean, _, _ in means]
    low = [mean if end is None else end for mean, end, _ in means]
    high = [mean if end is None else end for mean, _, end in means]
    return model.Line(line.name, style, x, y, low, high, bars=True)


def _height(point: tuple[float, Variant]) -> float:
    variant = point[1]
    return variant.metric.better(interval(variant)[0])
