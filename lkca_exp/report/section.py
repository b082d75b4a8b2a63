"""What one question adds to the page, to the answer in Markdown and to the files; `sections/` has a file for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lkca_exp.report.charts.chart import Chart
from lkca_exp.report.charts.style import Style
from lkca_exp.report.compare.variant import Setting, Summary
from lkca_exp.report.read.analysis import Picture
from lkca_exp.report.read.published import Published
from lkca_exp.report.tables.column import Table

ANSWER = "Answer"
"""The heading of what stands beside the headline of a setting."""
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
class RunCharts:
    """What is shown of a single run."""

    name: str
    folder: Path
    pictures: Sequence[Picture]
    charts: Sequence[Chart]


@dataclass(frozen=True)
class Tile:
    """A small picture with a line or two of text. `address` has the whole file in it."""

    address: str
    caption: str
    note: str


@dataclass(frozen=True)
class Gallery:
    """Small pictures side by side below a heading and a note; without any of them the note says why."""

    heading: str
    tiles: Sequence[Tile]
    note: str


@dataclass(frozen=True)
class Block:
    """A part of the page. Blocks of one heading and setting are shown together: their sentences, one legend, their
    charts, their tables, their galleries, and charts of single runs. `setting` is None for what speaks of all
    settings."""

    heading: str
    setting: Setting | None = None
    sentences: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[TableBlock] = ()
    runs: Sequence[RunCharts] = ()
    galleries: Sequence[Gallery] = ()

    @property
    def legend(self) -> dict[str, Style]:
        """The names in the charts and how they are drawn."""
        return {name: look for chart in self.charts for name, look in chart.style.items()}


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
            [chart for block in group for chart in block.charts],
            [table for block in group for table in block.tables],
            [run for block in group for run in block.runs],
            [gallery for block in group for gallery in block.galleries],
        )
        for group in groups.values()
    ]


def charts_of_settings(material: Material, draw: Callable[[Setting, Mapping[str, Style]], Sequence[Chart]]) -> Section:
    """Charts of every setting."""
    drawn = [(setting, draw(setting, material.style)) for setting in material.summary.settings]
    return Section([Block(FIGURES, setting, charts=charts) for setting, charts in drawn if charts])
