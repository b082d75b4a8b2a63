"""The runs as a small table for the page's *Explore*: every key and number in which they differ, column by column."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lkca_exp.report.charts.style import COLOURS, Style
from lkca_exp.report.charts.theme import config, on_page
from lkca_exp.report.compare.variant import Summary, Variant
from lkca_exp.report.formats import printable
from lkca_exp.report.read.load import Run

VARIANT, DATA, RUN = "variant", "data", "run"
FEW_DIGITS = 6


def explored(summary: Summary, style: Mapping[str, Style], link: Callable[[Path], str]) -> str:
    """JSON: `columns`, each with its `name` and either the `values` of all runs, numbers or null, or its `words` and
    for each run the place of its own among them; the `links` of all runs, from their folders; the columns to begin
    with; and how charts look. A column that says the same of all runs is left out, but for the first three."""
    runs = [(run, variant) for variant in summary.variants for run in variant.runs]
    rows = [_row(run, variant) for run, variant in runs]
    known = dict.fromkeys(name for row in rows for name in row)
    if summary.is_search:  # whose trials are not chosen by test
        known = {name: None for name in known if not name.startswith("test/")}
    names = {name: [row.get(name) for row in rows] for name in known}
    kept = [_column(name, of) for name, of in names.items() if name in (VARIANT, DATA, RUN) or _differs(of)]
    looks = {printable(name): {"colour": look.colour, "shape": look.shape} for name, look in style.items()}
    content = {
        "columns": kept,
        "links": [link(run.folder) for run, _ in runs],
        "start": {"x": VARIANT, "y": summary.metric.key, "colour": VARIANT},
        "looks": looks,
        "colours": COLOURS,
        "config": config(with_legend=True),
    }
    return on_page(json.dumps(content, separators=(",", ":"))).replace("<", "\\u003c")


def _row(run: Run, variant: Variant) -> dict[str, Any]:
    """What is known of a run; measured numbers are named as in its record, keys as in its configuration."""
    known = {VARIANT: variant.name, DATA: variant.setting, RUN: run.label, "status": run.status, "study": run.study}
    measured = {**run.metrics, **run.model, **run.speed, **run.memory, "seconds": run.seconds}
    return known | measured | {**run.config, **variant.keys, "seed": run.seed}


def _column(name: str, values: Sequence[Any]) -> dict[str, Any]:
    if all(value is None or _is_number(value) for value in values):
        return {"name": printable(name), "values": [value if value is None else _short(value) for value in values]}
    texts = [value if value is None else _text(value) for value in values]
    words = {word: place for place, word in enumerate(dict.fromkeys(text for text in texts if text is not None))}
    return {
        "name": printable(name),
        "words": list(words),
        "places": [None if text is None else words[text] for text in texts],
    }


def _differs(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.{FEW_DIGITS}g}")


def _text(value: Any) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, default=str))
