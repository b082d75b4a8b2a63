"""What the models predict for each test image: accuracy by class, confusions, where two models disagree, and
those images."""

from __future__ import annotations

from pathlib import Path

from lkca_exp.report.charts.style import in_charts
from lkca_exp.report.compare.variant import Setting
from lkca_exp.report.read.predictions import FILE, Predictions, read_predictions
from lkca_exp.report.section import FIGURES, Block, Material, Section
from lkca_exp.report.sections.agreement import agreement_block, agreement_table, agreements
from lkca_exp.report.sections.classes import class_charts
from lkca_exp.report.sections.disagreements import galleries


def section(material: Material) -> Section:
    """Of the variants in the charts; nothing of a search, whose trials must not be chosen by test. The predictions of
    one setting are in memory at a time."""
    if material.summary.is_search:
        return Section()
    blocks, pairs, notes = [], [], []
    for setting in material.summary.settings:
        predictions, problems = _read(setting)
        notes += problems
        names = [variant.name for variant in in_charts(setting)]
        if charts := class_charts(setting, predictions, material.style):
            blocks.append(Block(FIGURES, setting, charts=charts))
        if compared := [pair for pair in agreements(setting, predictions) if pair.variant.name in names]:
            blocks.append(Block(FIGURES, setting, tables=[agreement_block(compared)]))
            pairs += compared
        if material.summary.choice.images and (shown := galleries(setting, predictions)):
            blocks.append(Block(FIGURES, setting, galleries=shown))
    return Section(blocks, {"agreement": agreement_table(pairs)} if pairs else {}, notes)


def _read(setting: Setting) -> tuple[dict[Path, Predictions], list[str]]:
    """Predictions by the run's folder, and why those of other runs are left out."""
    predictions, problems = {}, []
    for run in (run for variant in setting.variants for run in variant.counted):
        try:
            if (of_run := read_predictions(run)) is not None:
                predictions[run.folder] = of_run
        except ValueError as error:
            problems.append(f"{run.folder.name}/{FILE}, left out: {error}")
    return predictions, problems
