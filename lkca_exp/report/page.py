"""The page: one HTML file that needs no server, and whose tables need no JavaScript."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from lkca_exp.report import provenance
from lkca_exp.report.aggregate import Summary
from lkca_exp.report.columns import run_columns, run_rows, variant_columns
from lkca_exp.report.figures import figures, styles
from lkca_exp.report.formats import STAMP
from lkca_exp.report.tables import cells

TEMPLATES = Path(__file__).parent / "templates"
MINUS = re.compile(r"(?<![\w.])-(?=\d)")
STROKES = {"solid": "", "dash": "6 4", "dot": "2 3", "dashdot": "7 3 2 3"}


def page(summary: Summary, sentences: Sequence[str], folder: Path) -> str:
    """The HTML of the page that will stand in `folder`, from where the links to the runs lead."""
    environment = Environment(
        loader=PackageLoader("lkca_exp.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["marked"] = marked
    return environment.get_template("page.html").render(
        title=" and ".join(summary.studies),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        sentences=sentences,
        summary=summary,
        strokes=STROKES,
        **_tables(summary, folder),
        **_figures(summary),
        facts=provenance.facts([run for variant in summary.variants for run in variant.runs]),
        commands=provenance.commands(summary),
        settings=[(setting, *provenance.describe_setting(setting)) for setting in summary.settings],
    )


def link(target: Path, folder: Path) -> str:
    """Relative, so that a study can be moved or sent as a whole."""
    return quote(os.fsencode(os.path.relpath(target, folder))) + "/"


def marked(text: str) -> Markup:
    """A text for the page: minus signs as such, and the stamp of a number that was selected on test made plain."""
    escaped = str(escape(MINUS.sub("\N{MINUS SIGN}", text)))
    return Markup(escaped.replace(f"({STAMP})", f'<span class="stamp">{STAMP}</span>'))


def _tables(summary: Summary, folder: Path) -> dict[str, Any]:
    """The columns of the tables, and their rows with what each row's first cell needs beside its text."""
    rows = run_rows(summary)
    shown, texts = cells(run_columns(summary), rows)
    return {
        "tables": [_variant_table(alone) for alone in summary.by_setting()],
        "run_columns": shown,
        "run_rows": [
            (link(row.run.folder, folder), row.run.status, text) for row, text in zip(rows, texts, strict=True)
        ],
        "left_out": [(link(one.folder, folder), one.folder.name, one.reason) for one in summary.left_out],
    }


def _variant_table(alone: Summary) -> dict[str, Any]:
    shown, texts = cells(variant_columns(alone), alone.variants)
    names = [variant.name for variant in alone.variants]
    return {"setting": alone.settings[0], "columns": shown, "rows": list(zip(names, texts, strict=True))}


def _figures(summary: Summary) -> dict[str, Any]:
    """The figures and what draws them. `Markup` is for our files and plotly's, never for data."""
    style = styles(summary)
    panels = [(setting, figures(setting, style)) for setting in summary.settings]
    drawn = [figure.content for _, found in panels for figure in found]
    return {
        "style": style,
        "panels": [(setting, found) for setting, found in panels if found],
        "drawn": drawn,
        "css": Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        "script": Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
        "plotly_js": Markup(get_plotlyjs()),
    }
