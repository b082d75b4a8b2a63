"""Pictures and curves that an analysis left of single runs."""

from __future__ import annotations

from lkca_exp.report.figures.model import Axis, Figure, Line, Plot, Style
from lkca_exp.report.figures.styles import in_figures
from lkca_exp.report.read.analysis import MOST_PICTURE_CHARACTERS, Curves, Extras, read_extras
from lkca_exp.report.section import Block, Material, RunFigures, Section

LIGHTEST = 0.35


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


def curves_figure(curves: Curves, name: str, style: Style) -> Figure:
    """`name` is that of the run. Several series go from light to full colour, the last one full."""
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
