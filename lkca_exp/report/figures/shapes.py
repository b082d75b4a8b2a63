"""Pieces of SVG that figures are made of. Names and texts are escaped here and nowhere else."""

from __future__ import annotations

import html
from collections.abc import Sequence

from lkca_exp.report.figures.model import Style
from lkca_exp.report.formats import printable

WIDTH = 440.0  # pixels, of every figure
CHARACTER = 6.6  # pixels, of a 12-pixel sans serif
LONGEST_NAME = 26


def series(name: str, drawn: str, more: str = "") -> str:
    return f'<g class="series" data-name="{escape(name)}"{" " + more if more else ""}>{drawn}</g>'


def tipped(drawn: str, tip: str) -> str:
    """With a text that shows under the pointer."""
    return f"<g><title>{escape(tip)}</title>{drawn}</g>"


def shape(style: Style, x: float, y: float, r: float, more: str = "") -> str:
    paint = f'fill="{style.colour}" {more}'.strip()
    match style.shape:
        case "square":
            return f'<rect x="{px(x - r)}" y="{px(y - r)}" width="{px(2 * r)}" height="{px(2 * r)}" {paint}/>'
        case "triangle":
            return f'<path d="M{px(x)} {px(y - 1.2 * r)}L{px(x + 1.1 * r)} {px(y + r)}H{px(x - 1.1 * r)}Z" {paint}/>'
        case "diamond":
            s = 1.3 * r
            return (
                f'<path d="M{px(x)} {px(y - s)}L{px(x + s)} {px(y)}L{px(x)} {px(y + s)}L{px(x - s)} {px(y)}Z" {paint}/>'
            )
    return f'<circle cx="{px(x)}" cy="{px(y)}" r="{px(r)}" {paint}/>'


def bar(style: Style, x1: float, y1: float, x2: float, y2: float) -> str:
    """An interval with a stroke across each end."""
    wide, high = (0, 4) if abs(x2 - x1) > abs(y2 - y1) else (4, 0)
    caps = "".join(f"M{px(a - wide)} {px(b - high)}L{px(a + wide)} {px(b + high)}" for a, b in ((x1, y1), (x2, y2)))
    path = f"M{px(x1)} {px(y1)}L{px(x2)} {px(y2)}{caps}"
    return f'<path d="{path}" stroke="{style.colour}" stroke-width="1.75" fill="none"/>'


def path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{px(a)} {px(b)}" for a, b in places)


def stroke(style: Style) -> str:
    return f'stroke="{style.colour}"' + (f' stroke-dasharray="{style.dash}"' if style.dash else "")


def shortened(name: str) -> str:
    """At most LONGEST_NAME characters of the name of a variant. Its settings lose letters of their keys first: the
    values tell variants apart."""
    words = [word.rpartition("=") for word in name.split(" ")]
    for longest in range(max(2, *(len(key) for key, _, _ in words)), 1, -1):
        text = " ".join(_cut(key, longest) + sign + value for key, sign, value in words)
        if len(text) <= LONGEST_NAME:
            return text
    return _cut(text, LONGEST_NAME)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def escape(text: str) -> str:
    return html.escape(printable(text))


def px(value: float) -> str:
    """A place in pixels."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
