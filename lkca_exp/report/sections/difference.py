"""The difference of every variant from the baseline, with its interval: the chart beside the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import altair as alt

from lkca_exp.report.charts.chart import Chart, coloured, plot, rows_of, tips, titled, zoomable
from lkca_exp.report.charts.style import Style, in_charts
from lkca_exp.report.charts.theme import QUIET
from lkca_exp.report.compare.answer import verdict
from lkca_exp.report.compare.variant import Setting, Variant
from lkca_exp.report.formats import printable
from lkca_exp.report.section import ANSWER, Block, Material, Section

MOST_ROWS = 24
"""Of more variants those are drawn that the other charts show."""


@dataclass(frozen=True)
class Names:
    """Where the names of rows stand: `above` the marks, which are drawn `below` the middle of a row, or beside them.
    All in pixels."""

    height: int
    above: float | None = None
    below: float = 0


BESIDE, ABOVE = Names(22), Names(34, 5, 6)
LONGEST_OF_STRIP = 3
"""An interval of a strip ends at the largest difference times this."""
LONGEST_BESIDE = 24
"""Characters of a name for which there is room beside the marks."""


@dataclass(frozen=True)
class DifferenceRow:
    """A variant's mean minus the baseline's, in the unit of the axis, and its 95 % confidence interval if it has one;
    `text` tells both under the pointer."""

    variant: str
    value: float
    text: str = ""
    verdict: str = ""
    low: float | None = None
    high: float | None = None


def section(material: Material) -> Section:
    charts = [(setting, difference(setting, material.style)) for setting in material.summary.settings]
    return Section([Block(ANSWER, setting, charts=[chart]) for setting, chart in charts if chart])


def difference(setting: Setting, style: Mapping[str, Style]) -> Chart | None:
    """A row a variant, best first, with a mark at zero; None where nothing is compared."""
    baseline, compared = setting.baseline, _compared(setting)
    if baseline is None or not compared:
        return None
    metric = baseline.metric
    stamps = (metric.stamp(variant.selected_on) for variant in [baseline, *compared])
    num_variants = len(setting.variants)
    note = f"Of {num_variants} variants the best are drawn." if num_variants > MOST_ROWS else ""
    unit = f", {metric.points}" if metric.points else ""
    title = titled(f"difference from {baseline.name} in {metric.name}{unit} (95 % CI)", stamps)
    shown = {variant.name: style[variant.name] for variant in compared}
    rows = [difference_row(variant) for variant in compared]
    place = BESIDE if max(map(len, shown)) <= LONGEST_BESIDE else ABOVE
    height = 40 + place.height * len(rows)
    return Chart("difference", title, note, _layers(rows, shown, place), height, shown, "never", ("x",))


@dataclass(frozen=True)
class Strips:
    """The differences of all settings as small charts without words, by the setting's name, on one scale between the
    `ends`, in the unit of the metric."""

    charts: Mapping[str, Chart]
    ends: tuple[float, float]


def strips(settings: Sequence[Setting], style: Mapping[str, Style]) -> Strips:
    """Intervals that are long beside all differences are cut off."""
    rows = {setting.name: [difference_row(variant) for variant in _compared(setting)] for setting in settings}
    every = [row for of_setting in rows.values() for row in of_setting]
    most = LONGEST_OF_STRIP * max((abs(row.value) for row in every), default=0.0) or 1.0
    low = max(min((row.value if row.low is None else row.low for row in every), default=-most), -most)
    high = min(max((row.value if row.high is None else row.high for row in every), default=most), most)
    ends = (min(low, 0.0), max(high, 0.0))
    return Strips({name: _strip(of_setting, style, ends) for name, of_setting in rows.items() if of_setting}, ends)


def _strip(rows: Sequence[DifferenceRow], style: Mapping[str, Style], ends: tuple[float, float]) -> Chart:
    shown = {row.variant: style[row.variant] for row in rows}
    height = min(14 * len(rows), 56)
    x = partial(alt.X, type="quantitative", axis=None, scale=alt.Scale(domain=ends, nice=False, padding=6))
    y = alt.Y("variant:N", sort=[printable(name) for name in shown], axis=None)
    zero = plot([replace(row, value=0.0) for row in rows[:1]]).mark_rule(color=QUIET)
    bars = plot([row for row in rows if row.low is not None]).mark_rule(clip=True)
    points = plot(rows).mark_point(size=36)
    layers = [
        zero.encode(x("value")),
        bars.encode(x("low"), y, x2=alt.X2("high:Q"), **coloured(shown)),
        points.encode(x("value"), y, **coloured(shown, "shape")),
    ]
    return Chart("strip", "", "", layers, height, shown, "never")


def _compared(setting: Setting) -> list[Variant]:
    few = len(setting.variants) <= MOST_ROWS
    return [variant for variant in (setting.variants if few else in_charts(setting)) if variant.comparison]


def difference_row(variant: Variant) -> DifferenceRow:
    """Raises AssertionError for a variant that is not compared."""
    assert variant.comparison is not None
    change, metric = variant.comparison.difference, variant.metric
    interval = metric.delta_interval(change)
    text = metric.delta(change.value) + (f" (95 % CI {interval})" if interval else f" ({change.why_not})")
    ends = (None if end is None else metric.scale * end for end in (change.low, change.high))
    return DifferenceRow(variant.name, metric.scale * change.value, text, verdict(variant), *ends)


def _layers(rows: Sequence[DifferenceRow], style: Mapping[str, Style], place: Names) -> list[alt.Chart]:
    y, below = rows_of([*style], above=place.above), place.below
    axis = alt.Axis(format="+~f", labelExpr="datum.value == 0 ? '0' : datum.label")
    x = partial(alt.X, type="quantitative", title=None, scale=zoomable("x"), axis=axis)
    zero = plot([replace(row, value=0.0) for row in rows], x="value").mark_tick(
        color=QUIET, thickness=1.5, size=place.height - 8 if below else place.height + 10, yOffset=below
    )
    bars = plot([row for row in rows if row.low is not None], x="value").mark_rule(clip=True, yOffset=below)
    points = plot(rows, x="value").mark_point(size=80, yOffset=below)
    return [
        zero.encode(x("value"), y),
        bars.encode(x("low"), y, x2=alt.X2("high:Q"), **coloured(style)),
        points.encode(x("value"), y, tooltip=tips("variant:N", "text:N", "verdict:N"), **coloured(style, "shape")),
    ]
