"""What an analysis left in a run's folder: pictures (`analysis/*.png`, `*.svg`) and curves (`analysis/*.json`).

A file of curves is `{"title", "x_label", "y_label", "x": [...], "series": {"name": [...]}}`. Those that a report shows
for all runs of a variant together are read in reach.py.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lkca_exp.report.figures.model import Axis, Figure, Line, Plot, Style
from lkca_exp.report.figures.styles import in_figures
from lkca_exp.report.read.load import Run
from lkca_exp.report.section import Block, Material, Picture, RunFigures, Section

PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}
OF_VARIANTS = ("locality", "receptive_field")
"""Stems of the files that are read in reach.py."""
NOTES = {
    "kernels": "A row a layer, the first on top: the mean size of the weights of all its kernels, then its strongest "
    "kernels. Red is positive, blue negative, each on its own scale."
}
MOST_PICTURE_CHARACTERS = 8_000_000
"""Of all pictures in the page together."""
LARGEST_BYTES = 1_000_000
"""A larger file is linked and not shown, so that the page stays one that a mail can carry."""


@dataclass(frozen=True)
class Curves:
    """`series` has a value for each of `x`; None where there is none to draw."""

    stem: str
    title: str
    x_label: str
    y_label: str
    x: list[float]
    series: dict[str, list[float | None]]


@dataclass(frozen=True)
class Extras:
    """`problems` says why of each file that the page does not show."""

    pictures: tuple[Picture, ...] = ()
    curves: tuple[Curves, ...] = ()
    problems: tuple[str, ...] = ()


def section(material: Material) -> Section:
    """Of each variant in the figures the first run that was analysed."""
    runs: list[RunFigures] = []
    problems: list[str] = []
    room = MOST_PICTURE_CHARACTERS
    several = len(material.summary.settings) > 1
    for variant in [variant for setting in material.summary.settings for variant in in_figures(setting)]:
        for run in variant.counted:
            extras = read_extras(run, room)
            if extras == Extras():
                continue
            name = f"{variant.name}{f' on {variant.setting}' * several}, seed {run.seed}"
            figures = [curves_figure(curves, name, material.style[variant.name]) for curves in extras.curves]
            runs.append(RunFigures(name, run.folder, extras.pictures, figures))
            problems += extras.problems
            room -= sum(len(picture.address) for picture in extras.pictures)
            break
    return Section([Block("Inside the models", runs=runs)] if runs else [], notes=problems)


def read_extras(run: Run, room: int = MOST_PICTURE_CHARACTERS) -> Extras:
    """What the run's `analysis/` holds, with pictures of at most `room` characters; a file that cannot be shown is
    named with the reason."""
    pictures: list[Picture] = []
    curves: list[Curves] = []
    problems: list[str] = []
    folder = run.folder / "analysis"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix not in (*PICTURES, ".json") or path.stem in OF_VARIANTS or not path.is_file():
            continue
        try:
            if (size := path.stat().st_size) > LARGEST_BYTES:
                raise ValueError(f"larger than {LARGEST_BYTES / 1e6:g} MB")
            if path.suffix == ".json":
                curves.append(curves_of(path.stem, json.loads(path.read_text(encoding="utf-8"))))
            elif 4 * size / 3 > room:  # base64 has four characters for three bytes
                raise ValueError("the page is full")
            else:
                pictures.append(_picture(path))
                room -= len(pictures[-1].address)
        except (OSError, ValueError, RecursionError) as error:
            problems.append(f"{run.folder.name}/analysis/{path.name}: {error}")
    return Extras(tuple(pictures), tuple(curves), tuple(problems))


def _picture(path: Path) -> Picture:
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return Picture(path.stem, f"data:{PICTURES[path.suffix]};base64,{content}", NOTES.get(path.stem, ""))


def curves_of(stem: str, found: object) -> Curves:
    """What a file of curves holds.

    Raises ValueError where that is not what `found` is.
    """
    if not isinstance(found, dict) or not isinstance(found.get("series"), dict):
        raise ValueError("has no series")
    x, series = _numbers(found.get("x")), {str(name): _numbers(values) for name, values in found["series"].items()}
    if not x or any(value is None for value in x) or any(len(values) != len(x) for values in series.values()):
        raise ValueError("x and series are not numbers of the same count")
    if not any(value is not None for values in series.values() for value in values):
        raise ValueError("has no numbers")
    texts = {key: str(found.get(key) or "") for key in ("title", "x_label", "y_label")}
    return Curves(stem, **texts, x=[value for value in x if value is not None], series=series)


def _numbers(values: Any) -> list[float | None]:
    if not isinstance(values, list):
        raise ValueError("x and series are not numbers of the same count")
    return [_finite(value) for value in values]


def _finite(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None


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
