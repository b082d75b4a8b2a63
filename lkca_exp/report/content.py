"""Everything that a report says, worked out once: the page, the files and W&B write it down."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from altair.utils.schemapi import debug_mode

from lkca_exp.report.charts.chart import Chart
from lkca_exp.report.charts.style import Style, styles
from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.compare.answer import answer
from lkca_exp.report.compare.choice import Choice, select
from lkca_exp.report.compare.variant import Summary, Variant
from lkca_exp.report.read.load import Run, load
from lkca_exp.report.read.published import Published
from lkca_exp.report.section import Block, Material, grouped
from lkca_exp.report.sections import SECTIONS, search
from lkca_exp.report.tables.column import Table
from lkca_exp.report.tables.matrix import MatrixRow, matrix
from lkca_exp.report.tables.runs import RunRow, run_table
from lkca_exp.report.tables.variants import variant_table
from lkca_exp.runs.record import Damaged
from lkca_exp.runs.sweeps import num_not_started

OBJECTIVE = "val/top1"
"""What a search chooses by."""


@dataclass(frozen=True)
class Content:
    """`blocks` are those of all sections, `files` their tables by the stem of the file."""

    summary: Summary
    sentences: Sequence[str]
    matrix: Table[MatrixRow]
    variants: Sequence[Table[Variant]]
    runs: Table[RunRow]
    blocks: Sequence[Block]
    files: Mapping[str, Table]
    style: dict[str, Style]
    notes: Sequence[str]

    @property
    def remarks(self) -> list[str]:
        """The notes, and what was left out."""
        return [
            *self.notes,
            *(f"left out: {damaged.folder.name}: {damaged.reason}" for damaged in self.summary.left_out),
        ]

    def tables(self) -> dict[str, Table]:
        """By the stem of their file."""
        return {"table": self.matrix, "variants": variant_table(self.summary), "runs": self.runs, **self.files}

    def figures(self) -> dict[str, Chart]:
        """By the stem of their file, which names the setting where there are several."""
        by_stem: dict[str, Chart] = {}
        several = len(self.summary.settings) > 1
        named = [
            (f"{block.setting.name}-" if several and block.setting else "", chart)
            for block in self.blocks
            for chart in block.charts
        ]
        of_runs = [
            (f"{run.folder.name}-", chart) for block in self.blocks for run in block.runs for chart in run.charts
        ]
        for prefix, chart in [*named, *of_runs]:
            stem = re.sub(r"[^\w.]+", "-", f"{prefix}{chart.slug}").strip("-.")[:100]
            while stem in by_stem:
                stem += "_"
            by_stem[stem] = chart
        return by_stem


def gather(studies: Sequence[Path], choice: Choice, published: Sequence[Published]) -> Content:
    """Read the studies and work out everything that the report shows.

    Raises ValueError for a folder that does not exist or holds no runs, and for a choice that fits none of them.
    """
    num_waiting = sum(num_not_started(study) for study in studies)
    return work_out(*load(studies), choice, published, num_waiting)


def work_out(
    runs: Sequence[Run],
    left_out: Sequence[Damaged],
    choice: Choice,
    published: Sequence[Published],
    num_waiting: int = 0,
) -> Content:
    """Everything that the report shows of these runs. Raises ValueError for a choice that fits none of them."""
    runs, choice, notes = without_test(runs, choice)
    summary = summarise(runs, left_out, choice, num_waiting)
    style = styles(summary)
    material = Material(summary, style, published)
    with debug_mode(False):  # Altair's own checks of charts, which take as long as making them
        sections = [section(material) for section in SECTIONS]
    return Content(
        summary=summary,
        sentences=search.sentences(summary) if summary.is_search else answer(summary),
        matrix=matrix(summary, choice, published),
        variants=[variant_table(alone) for alone in summary.by_setting()],
        runs=run_table(summary),
        blocks=grouped(block for part in sections for block in part.blocks),
        files={stem: table for part in sections for stem, table in part.files.items()},
        style=style,
        notes=[*notes, *summary.notes, *(note for part in sections for note in part.notes)],
    )


def without_test(runs: Sequence[Run], choice: Choice) -> tuple[Sequence[Run], Choice, list[str]]:
    """What may be compared: trials of a search by validation and alone, other runs without them; and a note on that.

    Raises ValueError if trials are to be compared by test.
    """
    runs = select(runs, choice.where)
    others = [run for run in runs if not run.is_trial]
    trials = [run for run in runs if run.is_trial]
    if others:
        studies = ", ".join(dict.fromkeys(run.study for run in trials))
        note = f"left out: {len(trials)} trials of the search {studies}, which --where protocol=holdout shows"
        return others, choice, [note] if trials else []
    if choice.metric == Choice().metric:
        tested = any(OBJECTIVE in run.metrics for run in trials)
        return trials, replace(choice, metric=OBJECTIVE) if tested else choice, []
    if choice.metric.startswith("test/"):
        raise ValueError(f"--metric {choice.metric}: trials of a search are not compared by test; {OBJECTIVE} is")
    return trials, choice, []
