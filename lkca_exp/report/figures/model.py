"""What a figure shows, apart from how it is drawn. All texts are plain; `svg.py` draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Style:
    """How a variant is drawn: `dash` as SVG writes it, `shape` of its points."""

    colour: str
    dash: str = ""
    shape: str = "circle"


@dataclass(frozen=True)
class Axis:
    """`unit` follows the numbers. `ticks` are the places to mark, if they are not to be chosen; `names` makes an axis
    of places 0, 1, ... that are called so. `log` needs positive numbers."""

    title: str
    unit: str = ""
    log: bool = False
    ticks: tuple[float, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """A line through points, with a band from `low` to `high` or a bar at each point. A `faint` one is unfinished."""

    name: str
    style: Style
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    bars: bool = False
    faint: bool = False
    remark: str = ""


@dataclass(frozen=True)
class Dots:
    """Single points; `tips` tell each of them."""

    name: str
    style: Style
    x: Sequence[float]
    y: Sequence[float]
    tips: Sequence[str]


@dataclass(frozen=True)
class Mean:
    """A point with its interval along an axis ("x" or "y"), and its name written beside it if `labelled`."""

    name: str
    style: Style
    x: float
    y: float
    low: float | None
    high: float | None
    along: str
    tip: str
    labelled: bool = False


@dataclass(frozen=True)
class Level:
    """A horizontal line across the figure: a variant that has no place on the x axis."""

    name: str
    style: Style
    y: float
    tip: str


@dataclass(frozen=True)
class Front:
    """A line in steps through the points that no other one beats, left to right; no variant's."""

    x: Sequence[float]
    y: Sequence[float]
    up_first: bool


Mark = Line | Dots | Mean | Level | Front


@dataclass(frozen=True)
class Plot:
    """`slug` names its file; `height` in pixels, where the width is 440. One with a `legend` draws its own; the others
    share that of the page."""

    slug: str
    title: str
    note: str
    x: Axis
    y: Axis
    marks: Sequence[Mark] = field(repr=False)
    height: float = 300
    legend: bool = False


@dataclass(frozen=True)
class Heatmap:
    """Shares (rows sum to 1), row by column, in percent where they are written; `nan` for an empty row."""

    slug: str
    title: str
    note: str
    row_title: str
    column_title: str
    shares: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class TileRow:
    """The pictures (H, W) of a variant, with the name of each; a `remark` beside the variant's name."""

    name: str
    remark: str
    pictures: Sequence[tuple[str, np.ndarray]] = field(repr=False)


@dataclass(frozen=True)
class Tiles:
    """Small pictures side by side; those that stand below each other have the same name."""

    slug: str
    title: str
    note: str
    rows: Sequence[TileRow]


Figure = Plot | Heatmap | Tiles
