"""The page: one HTML file that needs no server, and whose tables and figures need no JavaScript."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Template
from markupsafe import Markup, escape

from lkca_exp.report.charts import draw
from lkca_exp.report.charts.chart import Chart
from lkca_exp.report.charts.style import Style, swatch
from lkca_exp.report.charts.theme import on_page
from lkca_exp.report.compare import provenance
from lkca_exp.report.compare.answer import beside, headline, how_tested, in_brief, unfinished
from lkca_exp.report.compare.progress import Progress, progress
from lkca_exp.report.compare.variant import Setting
from lkca_exp.report.content import Content
from lkca_exp.report.formats import MINUS, duration, joined, printable
from lkca_exp.report.page.explore import explored
from lkca_exp.report.page.html import environment, ours
from lkca_exp.report.section import ANSWER
from lkca_exp.report.sections.difference import strips
from lkca_exp.report.tables.column import Cell, Column, Table

MOST_IN_FULL = 2
"""More settings than this have an answer of one line each, which opens."""
STAMP = re.compile(r"\((selected on (?:test|validation))\)")

Link = Callable[[Path], str]


def page(content: Content, link: Link, now: float, version: str = "") -> str:
    """The HTML of the page. `link` gives the address of a run's folder; `now` is in seconds since 1970; a page with a
    `version` asks its server for newer ones."""
    summary = content.summary
    return _template().render(
        content=content,
        link=link,
        summary=summary,
        title=" and ".join(summary.studies),
        written=datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=version,
        several=len(summary.settings) > 1,
        answers=_answers(content),
        brief=_in_brief(content),
        how_tested=how_tested(summary),
        unfinished=unfinished(summary),
        explored=Markup(explored(summary, content.style, link)) if len(summary.runs) > 1 else "",
        blocks=[block for block in content.blocks if block.heading != ANSWER],
        has_matrix=len(content.matrix.columns) > 3 or any(row.is_published for row in content.matrix.rows),
        under_way=[(state, _share(state)) for state in progress(summary, now)],
        facts=provenance.facts(summary.runs),
        commands=provenance.commands(summary),
        settings=[(setting, *provenance.describe_setting(setting)) for setting in summary.settings],
        css=ours("page.css"),
        scripts=[Markup(draw.script()), ours("page.js")] + ([ours("live.js")] if version else []),
    )


@cache
def _template() -> Template:
    templates = environment()
    templates.filters |= {"marked": marked, "drawn": _drawn, "specification": _specification}
    templates.filters |= {"swatch": _swatch, "duration": duration, "printable": printable}
    templates.globals["grid"] = _grid
    return templates.get_template("page.html")


def linked_from(folder: Path) -> Link:
    """Relative addresses, so that a study can be moved or sent as a whole."""
    return lambda target: quote(os.fsencode(os.path.relpath(target, folder))) + "/"


def marked(text: str) -> Markup:
    """A text for the page: minus signs as such, and the stamp of a number that chose its own epoch made plain."""
    escaped = str(escape(MINUS.sub("\N{MINUS SIGN}", text)))
    return Markup(STAMP.sub(r'<span class="stamp">\1</span>', escaped))


@dataclass(frozen=True)
class Answer:
    """Of a setting: one sentence, what opens on click, and the charts beside them."""

    setting: Setting
    headline: str
    details: list[str]
    charts: list[Chart]


@dataclass(frozen=True)
class AnswersInBrief:
    """A line a setting, with a small chart where there is one, by the setting's name; what the colours are; and a
    sentence on the charts."""

    lines: Mapping[str, str]
    charts: Mapping[str, Chart]
    looks: Mapping[str, Style]
    note: str


def _in_brief(content: Content) -> AnswersInBrief | None:
    """None of settings that are so few that their answers stand on the first screen in full."""
    summary = content.summary
    if len(summary.settings) <= MOST_IN_FULL or summary.is_search:
        return None
    small = strips(summary.settings, content.style)
    drawn = {name for chart in small.charts.values() for name in chart.style}
    looks = {name: look for name, look in content.style.items() if name in drawn}
    metric = summary.metric
    baselines = dict.fromkeys(setting.baseline.name for setting in summary.settings if setting.baseline)
    ends = " to ".join(metric.delta(end / metric.scale) for end in small.ends)
    note = (
        f"Differences from {joined([*baselines])}, at the line, with 95 % CI, on one scale from {ends} {metric.points}"
    )
    lines = {setting.name: in_brief(setting) for setting in summary.settings}
    return AnswersInBrief(lines, small.charts, looks, f"{note.rstrip()}." if small.charts else "")


def _answers(content: Content) -> list[Answer]:
    if content.summary.is_search:  # whose sentences are one a setting
        settings = zip(content.summary.settings, content.sentences, strict=True)
        return [Answer(setting, sentence, [], []) for setting, sentence in settings]
    charts = {
        block.setting.name: [*block.charts] for block in content.blocks if block.heading == ANSWER and block.setting
    }
    return [
        Answer(setting, headline(setting), beside(setting), charts.get(setting.name, []))
        for setting in content.summary.settings
    ]


@dataclass(frozen=True)
class Shown:
    """A column on the page: its cells, and for numbers what to sort them by, which is None where there is none. An
    `extra` one is shown on request."""

    title: str
    numeric: bool
    extra: bool
    cells: list[Cell]
    values: list[float | None]


def _grid(table: Table[Any]) -> list[Shown]:
    columns, rows = table.shown()
    return [
        Shown(
            column.title.replace("95 % CI", "95\N{NO-BREAK SPACE}%\N{NO-BREAK SPACE}CI"),
            column.numeric,
            column.extra,
            [row[index] for row in rows],
            [_number(column, row) for row in table.rows],
        )
        for index, column in enumerate(columns)
    ]


def _number(column: Column[Any], row: Any) -> float | None:
    value = next((of(row) for of in column.raw.values()), None) if column.numeric else None
    return value if isinstance(value, int | float) else None


def _share(state: Progress) -> float | None:
    return min(state.epochs_done / state.epochs, 1.0) if state.epochs else None


def _drawn(chart: Chart) -> Markup:
    """`Markup` is for our drawings and files, in which all that comes from runs is escaped."""
    return Markup(draw.inline(chart))


def _specification(chart: Chart) -> Markup:
    return Markup(draw.specification(chart))


def _swatch(style: Style) -> Markup:
    return Markup(on_page(swatch(style)))
