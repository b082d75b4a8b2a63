"""From run directories to the files of a report; called by `python -m lkca_exp.report` and at the end of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from lkca_exp.report.aggregate import Summary, summarise
from lkca_exp.report.answer import answer
from lkca_exp.report.columns import run_columns, run_rows, variant_columns
from lkca_exp.report.formats import printable
from lkca_exp.report.load import load
from lkca_exp.report.page import page
from lkca_exp.report.tables import csv_table, escape_markdown, markdown_table, terminal_table
from lkca_exp.runs.files import write_atomically


def report(studies: Sequence[Path], console: Console | None = None, baseline: str | None = None) -> Path:
    """Write `report/` into the first of the study folders, print the summary, and return the path of the page.

    Raises ValueError for a folder that does not exist or holds no runs, and for a baseline that no variant is called.
    """
    console = console or Console()
    summary = summarise(*load(studies), baseline=baseline)
    sentences = answer(summary)
    folder = studies[0] / "report"
    folder.mkdir(exist_ok=True)
    index = folder / "index.html"
    _write(folder / "table.md", markdown(summary, sentences))
    _write(folder / "table.csv", csv_table(variant_columns(summary), summary.variants))
    _write(folder / "runs.csv", csv_table(run_columns(summary), run_rows(summary)))
    _write(index, page(summary, sentences, folder.resolve()))
    show(summary, sentences, console)
    console.print(Text(str(index)), soft_wrap=True)
    return index


def show(summary: Summary, sentences: Sequence[str], console: Console) -> None:
    """The answer and the table of variants on a terminal or in a pipe."""
    for sentence in sentences:
        console.print(Text(printable(sentence)))
    for alone in summary.by_setting():
        _show_setting(alone, console)
    for remark in remarks(summary):
        console.print(Text(printable(remark)))


def _show_setting(alone: Summary, console: Console) -> None:
    table, num_left_out = terminal_table(variant_columns(alone), alone.variants, console.width)
    console.print()
    console.print(Text(printable(alone.settings[0].name), style="bold"))
    console.print(table)
    if num_left_out:
        console.print(Text(f"{num_left_out} more columns in the files"))


def markdown(summary: Summary, sentences: Sequence[str]) -> str:
    """The answer, the table of variants and the remarks, for a README or an issue."""
    paragraphs = [escape_markdown(sentence) for sentence in sentences]
    if summary.variants:
        paragraphs.append(markdown_table(variant_columns(summary), summary.variants).rstrip())
    paragraphs += [escape_markdown(remark) for remark in remarks(summary)]
    return "\n\n".join(paragraphs) + "\n"


def remarks(summary: Summary) -> list[str]:
    return [*summary.notes, *(f"left out: {one.folder.name}: {one.reason}" for one in summary.left_out)]


def _write(path: Path, text: str) -> None:
    """A label that UTF-8 cannot hold is no reason to end without a report."""
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8", errors="replace"))
