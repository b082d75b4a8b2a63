"""A plot of lines and points, with its frame.

A group of class `series` belongs to the variant in its `data-name`; `data-x` and `data-y` hold the numbers of a line,
from which the page's script tells values under the pointer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lkca_exp.report.figures.axes import Scale, scale, short
from lkca_exp.report.figures.labels import LEGEND_ROW, labels, legend, legend_entries
from lkca_exp.report.figures.model import Dots, Front, Level, Line, Mark, Mean, Plot
from lkca_exp.report.figures.shapes import (
    CHARACTER,
    WIDTH,
    bar,
    escape,
    path,
    px,
    series,
    shape,
    shortened,
    stroke,
    tipped,
)


def draw_plot(plot: Plot, alone: bool) -> tuple[str, float]:
    """The drawing and its height, with a legend below if it stands `alone`."""
    y_axis = replace(plot.y, names=tuple(shortened(name) for name in plot.y.names))
    top, bottom = 22.0 if y_axis.title else 8.0, plot.height - 42
    ends = (top, bottom) if y_axis.names else (bottom, top)  # names are read downwards
    y = scale(y_axis, _values(plot.marks, "y"), *ends)
    widest = max((len(text) for _, text in y.ticks(34)), default=1)
    left, right = widest * CHARACTER + 12, WIDTH - 10
    x = scale(plot.x, _values(plot.marks, "x"), left, right)
    labelled = [mark for mark in plot.marks if isinstance(mark, Mean) and mark.labelled]
    names = labels([(mark.name, x(mark.x), y(mark.y)) for mark in labelled], right)
    pieces = [*_frame(plot, x, y, left, right), *(_mark(mark, x, y) for mark in plot.marks), *names]
    entries = legend_entries(plot) if (alone or plot.legend) and not names else []
    pieces += legend(entries, plot.height + 4)
    facts = f'data-left="{px(x.start)}" data-right="{px(x.end)}" data-low="{x.low:.6g}" data-high="{x.high:.6g}"'
    words = 'data-log="1" ' * plot.x.log + f'data-x-title="{escape(plot.x.title)}" data-unit="{escape(plot.y.unit)}"'
    return f"<g {facts} {words}>{''.join(pieces)}</g>", plot.height + LEGEND_ROW * len(entries)


def _frame(plot: Plot, x: Scale, y: Scale, left: float, right: float) -> Iterator[str]:
    """Grid, ticks and titles."""
    top, bottom = min(y.start, y.end), max(y.start, y.end)
    for value, text in y.ticks(34):
        place = y(value)
        yield f'<line class="grid" x1="{px(left)}" x2="{px(right)}" y1="{px(place)}" y2="{px(place)}"/>'
        yield f'<text x="{px(left - 7)}" y="{px(place + 4)}" text-anchor="end">{escape(text)}</text>'
    for value, text in x.ticks(52):
        place = x(value)
        anchor = "end" if place > right - len(text) * CHARACTER / 2 else "middle"
        yield f'<line class="grid" x1="{px(place)}" x2="{px(place)}" y1="{px(top)}" y2="{px(bottom)}"/>'
        yield f'<text x="{px(place)}" y="{px(bottom + 17)}" text-anchor="{anchor}">{escape(text)}</text>'
    middle = (left + right) / 2
    yield f'<text x="{px(middle)}" y="{px(bottom + 36)}" text-anchor="middle">{escape(plot.x.title)}</text>'
    if plot.y.title:
        yield f'<text x="0" y="12">{escape(plot.y.title)}</text>'


def _mark(mark: Mark, x: Scale, y: Scale) -> str:
    match mark:
        case Line():
            return _line(mark, x, y)
        case Dots():
            dots = zip(mark.x, mark.y, mark.tips, strict=True)
            drawn = (tipped(shape(mark.style, x(a), y(b), 3.6, "fill-opacity='.75'"), tip) for a, b, tip in dots)
            return series(mark.name, "".join(drawn))
        case Mean():
            return series(mark.name, _mean(mark, x, y))
        case Level():
            ends = f'x1="{px(x.start)}" x2="{px(x.end)}" y1="{px(y(mark.y))}" y2="{px(y(mark.y))}"'
            line = f'<line {ends} {stroke(mark.style)} stroke-width="2"/>'
            return series(mark.name, tipped(line, mark.tip))
        case Front():
            return (
                f'<path class="front" fill="none" stroke-width="1.5" stroke-dasharray="4 3" d="{_steps(mark, x, y)}"/>'
            )


def _line(line: Line, x: Scale, y: Scale) -> str:
    places = [(x(a), y(b)) for a, b in zip(line.x, line.y, strict=True)]
    pieces = []
    if line.low and line.bars:
        for (a, _), low, high in zip(places, line.low, line.high, strict=True):
            pieces.append(bar(line.style, a, y(low), a, y(high)))
    elif line.low:
        there = [(x(a), y(b)) for a, b in zip(line.x, line.high, strict=True)]
        back = [(x(a), y(b)) for a, b in zip(line.x, line.low, strict=True)]
        pieces.append(f'<path d="{path([*there, *reversed(back)])}Z" fill="{line.style.colour}" fill-opacity=".18"/>')
    faint = ' stroke-opacity=".6"' if line.faint else ""
    width = 1.25 if line.faint else 2
    drawn = f'<path d="{path(places)}" fill="none" {stroke(line.style)} stroke-width="{width:g}"{faint}/>'
    pieces.append(tipped(drawn, line.remark or line.name))
    if line.bars or line.faint or len(places) == 1:
        ends = places[-1:] if line.faint else places
        pieces += [shape(line.style, a, b, 3.6) for a, b in ends]
    numbers = (
        f'data-x="{" ".join(f"{value:.6g}" for value in line.x)}" '
        f'data-y="{" ".join(_told(value) for value in line.y)}" data-colour="{line.style.colour}"'
    )
    return series(line.name, "".join(pieces), "" if line.faint else numbers)


def _mean(mean: Mean, x: Scale, y: Scale) -> str:
    a, b = x(mean.x), y(mean.y)
    drawn = ""
    if mean.low is not None and mean.high is not None:
        along_x = mean.along == "x"
        ends = (x(mean.low), b, x(mean.high), b) if along_x else (a, y(mean.low), a, y(mean.high))
        drawn = bar(mean.style, *ends)
    return tipped(drawn + shape(mean.style, a, b, 5), mean.tip)


def _values(marks: Sequence[Mark], along: str) -> list[float]:
    """All that has to fit on an axis."""
    found: list[float] = []
    for mark in marks:
        if isinstance(mark, Level):
            found += [mark.y] if along == "y" else []
        elif isinstance(mark, Mean):
            found.append(mark.x if along == "x" else mark.y)
            if mark.along == along:
                found += [end for end in (mark.low, mark.high) if end is not None]
        else:
            found += mark.x if along == "x" else mark.y
            if isinstance(mark, Line) and along == "y":
                found += [*mark.low, *mark.high]
    return found


def _steps(front: Front, x: Scale, y: Scale) -> str:
    places = [(x(a), y(b)) for a, b in zip(front.x, front.y, strict=True)]
    pieces = [f"M{px(places[0][0])} {px(places[0][1])}"]
    for a, b in places[1:]:
        pieces.append(f"V{px(b)}H{px(a)}" if front.up_first else f"H{px(a)}V{px(b)}")
    return "".join(pieces)


def _told(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 10 else short(value)
