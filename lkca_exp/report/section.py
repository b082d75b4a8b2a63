"""What one question adds to the page, to the answer in Markdown and to the files; `sections/` has a file for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lkca_exp.report.compare.aggregate import Setting, Summary
from lkca_exp.report.figures.model import Figure, Style
from lkca_exp.report.figures.styles import in_figures
from lkca_exp.report.read.analysis import Picture
from lkca_exp.report.read.published import Published
from lkca_exp.report.tables.column import Table

FIGURES = "Figures"
"""The heading of what is drawn for every setting."""


@dataclass(frozen=True)
class Material:
    """What a section is made from. `style` has one entry a variant, by name."""

    summary: Summary
    style: Mapping[str, Style]
    published: Sequence[Published]


@dataclass(frozen=True)
class TableBlock:
    """A table on the page. `label` names it for screen readers, `heading` stands above and `note` below it; `names` are
    the variants of its rows, for their swatches."""

    table: Table[Any]
    label: str
    heading: str = ""
    note: str = ""
    names: Sequence[str] | None = None
    in_answer: bool = False
    """Whether the answer in Markdown has it too."""


@dataclass(frozen=True)
class RunFigures:
    """What is shown of a single run."""

    name: str
    folder: Path
    pictures: Sequence[Picture]
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Block:
    """A part of the page. Blocks of one heading and setting are shown together: their sentences, one legend (names of
    variants), their figures, their tables, and figures of single runs. `setting` is None for what speaks of all
    settings."""

    heading: str
    setting: Setting | None = None
    sentences: Sequence[str] = ()
    legend: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[TableBlock] = ()
    runs: Sequence[RunFigures] = ()


@dataclass(frozen=True)
class Section:
    """`files` are tables by the stem of their file; `notes` name the files of runs that could not be read."""

    blocks: Sequence[Block] = ()
    files: Mapping[str, Table[Any]] = field(default_factory=dict)
    notes: Sequence[str] = ()


def grouped(blocks: Iterable[Block]) -> list[Block]:
    """One block for each heading and setting, in the order of their first block."""
    groups: dict[tuple[str, str | None], list[Block]] = {}
    for block in blocks:
        groups.setdefault((block.heading, block.setting.name if block.setting else None), []).append(block)
    return [
        Block(
            group[0].heading,
            group[0].setting,
            [sentence for block in group for sentence in block.sentences],
            list(dict.fromkeys(name for block in group for name in block.legend)),
            [figure for block in group for figure in block.figures],
            [table for block in group for table in block.tables],
            [run for block in group for run in block.runs],
        )
        for group in groups.values()
    ]


def figures_of_settings(
    material: Material, draw: Callable[[Setting, Mapping[str, Style]], Sequence[Figure]]
) -> Section:
    """Figures of every setting, under one legend of the variants that figures show."""
    blocks = []
    for setting in material.summary.settings:
        if figures := draw(setting, material.style):
            blocks.append(Block(FIGURES, setting, (), [variant.name for variant in in_figures(setting)], figures))
    return Section(blocks)
