"""Curves that an analysis left in a run's folder, as figures in the colour of the run's variant."""

from __future__ import annotations

from lkca_exp.report.figures.model import Axis, Figure, Line, Plot, Style
from lkca_exp.report.read.extras import Curves

LIGHTEST = 0.35


def curves_figure(curves: Curves, name: str, style: Style) -> Figure:
    """`name` tells the run. Several series go from light to full colour, the last one full."""
    lines = []
    for index, (series, values) in enumerate(curves.series.items()):
        places = [(x, y) for x, y in zip(curves.x, values, strict=True) if y is not None]
        if places:
            x, y = zip(*places, strict=True)
            shade = Style(_lighter(style.colour, index, len(curves.series)))
            lines.append(Line(series, shade, x, y))
    title = f"{curves.title or curves.stem}: {name}"
    return Plot(curves.stem, title, curves.stem, Axis(curves.x_label), Axis(curves.y_label), lines, legend=True)


def _lighter(colour: str, index: int, many: int) -> str:
    """The colour over grey paper, full for the last of `many`."""
    share = 1.0 if many == 1 else LIGHTEST + (1 - LIGHTEST) * index / (many - 1)
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(share * part + (1 - share) * 200):02x}" for part in parts)
