"""From run directories to the files of a report; called by `python -m lkca_exp.report` and at the end of a sweep."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.text import Text

from lkca_exp.config.machine import limits_address_space
from lkca_exp.report.charts.draw import pdf, svg
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import Content, gather
from lkca_exp.report.formats import printable
from lkca_exp.report.page.page import Link, linked_from, page
from lkca_exp.report.page.run_page import MOST_PAGES, page_names, run_page
from lkca_exp.report.read.published import read_published
from lkca_exp.report.tables.files import WRITERS, escape_markdown, markdown_table
from lkca_exp.report.tables.terminal import terminal_table
from lkca_exp.report.wandb_run import log_to_wandb
from lkca_exp.report.wandb_workspace import check_installed, save_workspace
from lkca_exp.runs.files import write_atomically


def report(
    studies: Sequence[Path],
    console: Console | None = None,
    choice: Choice = Choice(),  # noqa: B008
    published: Path | None = None,
    to_wandb: bool = False,
    wandb_workspace: bool = False,
    brief: bool = False,
) -> Path:
    """Write `report/` into the first of the study folders, print the summary, of which a `brief` one has no tables, and
    return the path of the page.

    With `to_wandb` the same goes to W&B; with `wandb_workspace` W&B gets a view and a report of the study.

    Raises ValueError for a folder that does not exist or holds no runs, for a choice that fits none of them, and for a
    file of published numbers that cannot be read; OSError under `ulimit -v`.
    """
    if limits_address_space():
        raise OSError("charts cannot be drawn under `ulimit -v`; run `python -m lkca_exp.report` without it")
    if wandb_workspace:
        check_installed()
    content = gather(studies, choice, read_published(published))
    index = write(content, studies[0] / "report")
    console = console or Console()
    show(content, console, brief)
    if to_wandb:
        where = log_to_wandb(content, index.parent, index.read_text(encoding="utf-8"))
        console.print(Text(where), soft_wrap=True)
    if wandb_workspace:
        console.print(Text("\n".join(save_workspace(content, markdown(content), index.parent))), soft_wrap=True)
    console.print(Text(str(index)), soft_wrap=True)
    return index


def write(content: Content, folder: Path) -> Path:
    """All files of the report; figures of an earlier one are gone. Returns the path of the page."""
    drawings = folder / "figures"
    drawings.mkdir(parents=True, exist_ok=True)
    for stem, table in content.tables().items():
        for suffix, text_of in WRITERS.items():
            _write(folder / f"{stem}.{suffix}", text_of(table))
    _write(folder / "answer.md", markdown(content))
    for old in [*drawings.glob("*.svg"), *drawings.glob("*.pdf")]:
        old.unlink()
    for stem, chart in content.figures().items():
        (drawings / f"{stem}.svg").write_text(svg(chart), encoding="utf-8", errors="replace")
        (drawings / f"{stem}.pdf").write_bytes(pdf(chart))
    index = folder / "index.html"
    _write(index, page(*_with_run_pages(content, folder), time.time()))
    return index


def _with_run_pages(content: Content, folder: Path) -> tuple[Content, Link]:
    """Write `runs/`, a page a run. Returns the content, which says so where there are too many runs for that, and where
    the page of the report finds each."""
    runs, place = content.summary.runs, folder / "runs"
    names, linked = page_names(runs), linked_from(folder.resolve())
    place.mkdir(exist_ok=True)
    to_folder, kept = linked_from(place.resolve()), set(names.values())
    for old in place.glob("*.html"):
        if old.name not in kept:
            old.unlink()
    for run in runs if names else ():
        path = place / names[run.folder]
        before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        _write(path, run_page(run, to_folder(run.folder), "../index.html", before=before))
    if runs and not names:
        note = f"The {len(runs):,} runs link to their folders; runs have pages of their own up to {MOST_PAGES} runs, "
        content = replace(content, notes=[*content.notes, note + "and always with --watch."])
    return content, lambda target: f"runs/{quote(os.fsencode(names[target]))}" if target in names else linked(target)


def show(content: Content, console: Console, brief: bool = False) -> None:
    """The answer and the tables of variants on a terminal or in a pipe; `brief`: the answer alone."""
    for sentence in content.sentences:
        console.print(Text(printable(sentence)))
    for setting, table in zip(content.summary.settings, content.variants, strict=True) if not brief else ():
        drawn, num_left_out = terminal_table(table, console.width)
        console.print()
        console.print(Text(printable(setting.name), style="bold"))
        console.print(drawn)
        if num_left_out:
            console.print(Text(f"{num_left_out} more columns in the files"))
    for remark in content.remarks:
        console.print(Text(printable(remark)))


def markdown(content: Content) -> str:
    """The answer, the tables of variants, what the sections add to it and the remarks, for a README or an issue."""
    paragraphs = [escape_markdown(sentence) for sentence in content.sentences]
    for setting, table in zip(content.summary.settings, content.variants, strict=True):
        paragraphs += [f"**{escape_markdown(setting.name)}**", markdown_table(table).rstrip()]
    for block in content.blocks:
        for part in block.tables:
            paragraphs += [f"**{escape_markdown(part.label)}**", markdown_table(part.table).rstrip()] * part.in_answer
        paragraphs += [escape_markdown(sentence) for sentence in block.sentences]
    paragraphs += [escape_markdown(remark) for remark in content.remarks]
    return "\n\n".join(paragraphs) + "\n"


def _write(path: Path, text: str) -> None:
    """A label that UTF-8 cannot hold is no reason to end without a report."""
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8", errors="replace"))
