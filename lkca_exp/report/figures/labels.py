"""Which mark is whose: names beside points, and a legend below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lkca_exp.report.figures.model import Dots, Front, Mean, Plot, Style
from lkca_exp.report.figures.shapes import CHARACTER, escape, px, series, shape, shortened, stroke

LEGEND_ROW = 20.0  # pixels
LINE = 13.0  # pixels between two names, at least
GAP = 9.0  # pixels between a point and its name


def labels(points: Sequence[tuple[str, float, float]], right: float) -> Iterator[str]:
    """The name of each point (name, x, y in pixels) on the side of it that has room, moved down where another is."""
    taken: list[tuple[float, float, float]] = []
    for name, x, y in points:
        text = shortened(name)
        width = len(text) * CHARACTER
        start = x + GAP if x + GAP + width <= right else x - GAP - width
        while any(abs(y - other) < LINE and start < end and begin < start + width for begin, end, other in taken):
            y += LINE
        taken.append((start, start + width, y))
        place, anchor = (start, "start") if start > x else (start + width, "end")
        words = f'<text class="halo" x="{px(place)}" y="{px(y + 4)}" text-anchor="{anchor}">{escape(text)}</text>'
        yield series(name, words)


def legend_entries(plot: Plot) -> list[tuple[str, Style]]:
    """One for each name; none where the axis or the points say it."""
    if plot.y.names and not any(isinstance(mark, Dots) and mark.name not in plot.y.names for mark in plot.marks):
        return []
    named = [mark for mark in plot.marks if not isinstance(mark, Front)]
    if any(isinstance(mark, Mean) and mark.labelled for mark in named):
        return []
    return list({mark.name: mark.style for mark in named}.items())


def legend(entries: Sequence[tuple[str, Style]], top: float) -> Iterator[str]:
    for row, (name, style) in enumerate(entries):
        y = top + LEGEND_ROW * row + 6
        yield f'<line x1="4" x2="26" y1="{px(y)}" y2="{px(y)}" {stroke(style)} stroke-width="2"/>'
        yield shape(style, 15, y, 3.5)
        yield f'<text x="34" y="{px(y + 4)}">{escape(name)}</text>'
