"""Lines along a number that varies, with an interval at every point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lkca_exp.report.compare.ablation import Ablation, Line
from lkca_exp.report.compare.aggregate import Variant
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.figures import model
from lkca_exp.report.figures.cost import WIDE
from lkca_exp.report.figures.model import Axis, Figure, Level, Mark, Plot, Style
from lkca_exp.report.figures.seeds import interval, told
from lkca_exp.report.figures.styles import MOST_DRAWN


def ablation_figures(found: Sequence[Ablation], metric: Metric, style: Mapping[str, Style]) -> list[Figure]:
    """A figure a key, with the lines that reach highest where they are many."""
    return [_figure(ablation, metric, style) for ablation in found]


def _figure(ablation: Ablation, metric: Metric, style: Mapping[str, Style]) -> Plot:
    lines = sorted(ablation.lines, key=lambda line: max(map(_height, line.points)), reverse=True)[:MOST_DRAWN]
    marks: list[Mark] = [_line(line, metric, style[line.name]) for line in lines]
    marks += [Level(one.name, style[one.name], interval(one)[0], told(one)) for one in ablation.references]
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
