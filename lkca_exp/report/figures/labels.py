"""Which mark is whose: names beside points, and a legend below."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from lkca_exp.report.figures.model import Dots, Front, Plot, Style
from lkca_exp.report.figures.shapes import CHARACTER, escape, px, series, shape, shortened, stroke

LEGEND_ROW = 20.0  # pixels
LINE = 13.0  # pixels between two names one above the other, at least
GAP = 9.0  # pixels between a point and its name


def labels(points: Sequence[tuple[str, float, float]], right: float) -> list[str]:
    """The name of each point (name, x, y in pixels) on the side of it that has room. None at all where one would cover
    another or a point: the legend names them then."""
    texts = [shortened(name) for name, _, _ in points]
    starts = [_start(x, len(text) * CHARACTER, right) for text, (_, x, _) in zip(texts, points, strict=True)]
    boxes = [
        (start, start + len(text) * CHARACTER, y) for text, start, (_, _, y) in zip(texts, starts, points, strict=True)
    ]
    spots = [(x - GAP / 2, x + GAP / 2, y) for _, x, y in points]
    if any(_meet(one, other) for one, other in [*itertools.combinations(boxes, 2), *itertools.product(boxes, spots)]):
        return []
    drawn = []
    for (name, x, y), text, (start, end, _) in zip(points, texts, boxes, strict=True):
        place, anchor = (start, "start") if start > x else (end, "end")
        words = f'<text class="halo" x="{px(place)}" y="{px(y + 4)}" text-anchor="{anchor}">{escape(text)}</text>'
        drawn.append(series(name, words))
    return drawn


def _start(x: float, width: float, right: float) -> float:
    return x + GAP if x + GAP + width <= right else x - GAP - width


def _meet(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    """Whether two pieces of lines (begin, end, y) lie on each other."""
    return abs(one[2] - other[2]) < LINE and one[0] < other[1] and other[0] < one[1]


def legend_entries(plot: Plot) -> list[tuple[str, Style]]:
    """One for each name; none where the axis says it."""
    if plot.y.names and not any(isinstance(mark, Dots) and mark.name not in plot.y.names for mark in plot.marks):
        return []
    named = [mark for mark in plot.marks if not isinstance(mark, Front)]
    return list({mark.name: mark.style for mark in named}.items())


def legend(entries: Sequence[tuple[str, Style]], top: float) -> Iterator[str]:
    for row, (name, style) in enumerate(entries):
        y = top + LEGEND_ROW * row + 6
        yield f'<line x1="4" x2="26" y1="{px(y)}" y2="{px(y)}" {stroke(style)} stroke-width="2"/>'
        yield shape(style, 15, y, 3.5)
        yield f'<text x="34" y="{px(y + 4)}">{escape(name)}</text>'
