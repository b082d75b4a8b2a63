"""Everything that a report says, worked out once: the page, the files and W&B write it down."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lkca_exp.report.compare.ablation import ablations
from lkca_exp.report.compare.aggregate import Setting, Summary, Variant, summarise
from lkca_exp.report.compare.agreement import Agreement, agreements
from lkca_exp.report.compare.answer import answer
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.compare.reach import VariantReach, reaches, sentences
from lkca_exp.report.figures.ablation import ablation_figures
from lkca_exp.report.figures.classes import class_figures
from lkca_exp.report.figures.cost import costs
from lkca_exp.report.figures.curves import curves
from lkca_exp.report.figures.extras import curves_figure
from lkca_exp.report.figures.model import Figure, Style
from lkca_exp.report.figures.reach import reach_figures
from lkca_exp.report.figures.seeds import seeds
from lkca_exp.report.figures.styles import in_figures, styles
from lkca_exp.report.read.extras import Extras, Picture, read_extras
from lkca_exp.report.read.load import Run, load
from lkca_exp.report.read.predictions import Predictions, read_predictions
from lkca_exp.report.read.published import Published
from lkca_exp.report.read.reach import read_reach
from lkca_exp.report.tables.agreement import agreement_table
from lkca_exp.report.tables.column import Table
from lkca_exp.report.tables.matrix import MatrixRow, matrix
from lkca_exp.report.tables.published import PublishedRow, published_table
from lkca_exp.report.tables.reach import layer_table, reach_table
from lkca_exp.report.tables.runs import RunRow, run_table
from lkca_exp.report.tables.variants import variant_table
from lkca_exp.runs.record import Damaged

MOST_PICTURE_CHARACTERS = 8_000_000
"""Of all pictures in the page together."""


@dataclass(frozen=True)
class Panel:
    """One setting: its figures, the variants in them, and the agreement of pairs of models."""

    setting: Setting
    drawn: Sequence[Variant]
    figures: Sequence[Figure]
    agreement: Table[Agreement]


@dataclass(frozen=True)
class Looks:
    """How far the tokens of a setting's variants look; `drawn` are those in the figures."""

    setting: Setting
    drawn: Sequence[VariantReach]
    sentences: Sequence[str]
    figures: Sequence[Figure]
    table: Table[VariantReach]


@dataclass(frozen=True)
class Inside:
    """What an analysis found in one run: pictures as they are, curves as figures; and what is not shown."""

    name: str
    folder: Path
    pictures: Sequence[Picture]
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Content:
    summary: Summary
    sentences: Sequence[str]
    matrix: Table[MatrixRow]
    published: Table[PublishedRow]
    variants: Sequence[Table[Variant]]
    runs: Table[RunRow]
    panels: Sequence[Panel]
    ablations: Sequence[Figure]
    looks: Sequence[Looks]
    insides: Sequence[Inside]
    style: dict[str, Style]
    notes: Sequence[str]

    @property
    def remarks(self) -> list[str]:
        """The notes, and what was left out."""
        return [*self.notes, *(f"left out: {one.folder.name}: {one.reason}" for one in self.summary.left_out)]

    def tables(self) -> dict[str, Table]:
        """By the stem of their file."""
        pairs = [row for panel in self.panels for row in panel.agreement.rows]
        found: dict[str, Table] = {"table": self.matrix, "variants": variant_table(self.summary), "runs": self.runs}
        reached = [row for one in self.looks for row in one.table.rows]
        found |= {"published": self.published} if self.published.rows else {}
        found |= {"agreement": agreement_table(pairs)} if pairs else {}
        return found | ({"reach": reach_table(reached), "reach_layers": layer_table(reached)} if reached else {})

    def figures(self) -> dict[str, Figure]:
        """By the stem of their file, which names the setting where there are several."""
        found: dict[str, Figure] = {}
        several = len(self.panels) > 1
        parts: list[Panel | Looks] = [*self.panels, *self.looks]
        of_settings = [(f"{part.setting.name}-" * several, one) for part in parts for one in part.figures]
        of_runs = [(f"{inside.folder.name}-", one) for inside in self.insides for one in inside.figures]
        for prefix, figure in [*of_settings, *(("", one) for one in self.ablations), *of_runs]:
            stem = re.sub(r"[^\w.]+", "-", f"{prefix}{figure.slug}").strip("-.")[:100]
            while stem in found:
                stem += "_"
            found[stem] = figure
        return found


def gather(studies: Sequence[Path], choice: Choice, published: Sequence[Published]) -> Content:
    """Read the studies and work out all that is to be said.

    Raises ValueError for a folder that does not exist or holds no runs, and for a choice that fits none of them.
    """
    return work_out(*load(studies), choice, published)


def work_out(
    runs: Sequence[Run], left_out: Sequence[Damaged], choice: Choice, published: Sequence[Published]
) -> Content:
    """All that is to be said of these runs. Raises ValueError for a choice that fits none of them."""
    summary = summarise(runs, left_out, choice)
    found = ablations(summary)
    style = styles(summary, [line.name for ablation in found for line in ablation.lines])
    looks, unread = _looks(summary, style)
    insides, not_shown = _insides(summary, style)
    return Content(
        summary=summary,
        sentences=answer(summary),
        matrix=matrix(summary, choice, published),
        published=published_table(summary, published),
        variants=[variant_table(alone) for alone in summary.by_setting()],
        runs=run_table(summary),
        panels=[_panel(setting, style) for setting in summary.settings],
        ablations=ablation_figures(found, summary.metric, style),
        looks=looks,
        insides=insides,
        style=style,
        notes=[*summary.notes, *unread, *not_shown],
    )


def _panel(setting: Setting, style: dict[str, Style]) -> Panel:
    predictions = _predictions(setting)
    drawn = in_figures(setting)
    figures = [
        *seeds(setting, style),
        *curves(setting, style),
        *costs(setting, style),
        *class_figures(setting, predictions, style),
    ]
    names = {variant.name for variant in drawn}
    pairs = [pair for pair in agreements(setting, predictions) if pair.variant.name in names]
    return Panel(setting, drawn, figures, agreement_table(pairs))


def _predictions(setting: Setting) -> dict[Path, Predictions]:
    counted = [run for variant in setting.variants for run in variant.counted]
    return {run.folder: found for run in counted if (found := read_predictions(run)) is not None}


def _looks(summary: Summary, style: dict[str, Style]) -> tuple[list[Looks], list[str]]:
    """Of each setting with runs that were looked at; and what could not be read."""
    found: list[Looks] = []
    unread: list[str] = []
    for setting in summary.settings:
        read = {run.folder: read_reach(run) for variant in setting.variants for run in variant.counted}
        unread += [problem for reach in read.values() for problem in reach.problems]
        reached = reaches(setting.variants, read)
        if reached:
            names = {variant.name for variant in in_figures(setting)}
            drawn = [one for one in reached if one.variant.name in names]
            told, figures = sentences(reached), reach_figures(drawn, style)
            found.append(Looks(setting, drawn, told, figures, reach_table(reached)))
    return found, unread


def _insides(summary: Summary, style: dict[str, Style]) -> tuple[list[Inside], list[str]]:
    """Of each variant in the figures the first run that was analysed."""
    found: list[Inside] = []
    not_shown: list[str] = []
    characters = 0
    several = len(summary.settings) > 1
    for variant in [variant for setting in summary.settings for variant in in_figures(setting)]:
        for run in variant.counted:
            extras = read_extras(run)
            if extras == Extras():
                continue
            name = f"{variant.name}{f' on {variant.setting}' * several}, seed {run.seed}"
            not_shown += extras.not_shown
            pictures = []
            for picture in extras.pictures:
                characters += len(picture.address)
                if characters > MOST_PICTURE_CHARACTERS:
                    not_shown.append(f"{run.folder.name}/analysis/{picture.stem}: the page is full")
                else:
                    pictures.append(picture)
            figures = [curves_figure(one, name, style[variant.name]) for one in extras.curves]
            found.append(Inside(name, run.folder, pictures, figures))
            break
    return found, not_shown
