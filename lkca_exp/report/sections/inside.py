"""Pictures and curves that an analysis left of single runs."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt

from lkca_exp.report.charts.chart import Chart, coloured, plot, tips, titled, zoomable
from lkca_exp.report.charts.style import Style, in_charts
from lkca_exp.report.charts.theme import CELL, INK
from lkca_exp.report.read.analysis import MOST_PICTURE_CHARACTERS, Curves, Extras, read_extras
from lkca_exp.report.section import Block, Material, RunCharts, Section

LIGHTEST = 0.35


@dataclass(frozen=True)
class SeriesRow:
    """A point of a series, whose name stands in the place of a variant's."""

    variant: str
    x: float
    y: float


def section(material: Material) -> Section:
    """Of each variant in the charts the first run that was analysed."""
    runs: list[RunCharts] = []
    problems: list[str] = []
    room = MOST_PICTURE_CHARACTERS
    several = len(material.summary.settings) > 1
    for variant in [variant for setting in material.summary.settings for variant in in_charts(setting)]:
        for run in variant.counted:
            extras = read_extras(run, room)
            if extras == Extras():
                continue
            name = f"{variant.name}{f' on {variant.setting}' * several}, seed {run.seed}"
            charts = [curves_chart(curves, name, material.style[variant.name]) for curves in extras.curves]
            runs.append(RunCharts(name, run.folder, extras.pictures, charts))
            problems += extras.problems
            room -= sum(len(picture.address) for picture in extras.pictures)
            break
    return Section([Block("Inside the models", runs=runs)] if runs else [], notes=problems)


def curves_chart(curves: Curves, name: str, style: Style) -> Chart:
    """`name` is that of the run. Several series go from light to full colour, the last one full."""
    many = len(curves.series)
    shades = {series: Style(_lighter(style.colour, index, many)) for index, series in enumerate(curves.series)}
    rows = [
        SeriesRow(series, x, y)
        for series, values in curves.series.items()
        for x, y in zip(curves.x, values, strict=True)
        if y is not None
    ]
    layer = (
        plot(rows, "x", "y")
        .mark_line(point=True)
        .encode(
            alt.X("x:Q", title=curves.x_label, scale=zoomable("x")),
            alt.Y("y:Q", title=curves.y_label, scale=zoomable("y")),
            tooltip=[alt.Tooltip("variant:N", title="series"), *tips("x:Q", "y:Q")],
            **coloured(shades),
        )
    )
    title = titled(f"{curves.title or curves.stem}: {name}")
    return Chart(curves.stem, title, curves.stem, [layer], style=shades, legend="always", zoom=("x", "y"))


def _lighter(colour: str, index: int, many: int) -> str:
    """The colour over grey paper, full for the last of `many`. The baseline's ink has no shades of its own."""
    colour = CELL if colour == INK else colour
    share = 1.0 if many == 1 else LIGHTEST + (1 - LIGHTEST) * index / (many - 1)
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(share * part + (1 - share) * 200):02x}" for part in parts)
