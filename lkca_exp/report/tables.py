"""One list of columns a table, from which the terminal, Markdown, CSV and the page are all written.

A column has a text for readers and raw numbers for programs, named with their units. A column that is empty in every
row is left out.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from rich.cells import cell_len
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from lkca_exp.report.formats import printable

Row = TypeVar("Row")
BREAK = re.compile(r" (?=\()")
"""In a narrow cell a remark in brackets goes on a line of its own."""
SEPARATOR = 3  # characters between two columns of a terminal table


@dataclass(frozen=True)
class Column(Generic[Row]):
    """`raw` maps a CSV name to its value. A narrow terminal keeps the columns of the smallest `rank`."""

    title: str
    text: Callable[[Row], str]
    raw: Mapping[str, Callable[[Row], Any]] = field(default_factory=dict)
    numeric: bool = True
    rank: int = 9


def number(
    title: str,
    name: str,
    value: Callable[[Row], float | None],
    write: Callable[[float], str],
    rank: int = 9,
) -> Column[Row]:
    """A column of one number a row, empty where there is none."""

    def text(row: Row) -> str:
        found = value(row)
        return "" if found is None else write(found)

    return Column(title, text, {name: value}, rank=rank)


def words(title: str, name: str, value: Callable[[Row], str], rank: int = 9) -> Column[Row]:
    """A column of text, the same for readers and programs."""
    return Column(title, value, {name: value}, numeric=False, rank=rank)


def raw_only(name: str, value: Callable[[Row], Any]) -> Column[Row]:
    """A column for programs."""
    return Column("", lambda row: "", {name: value})


def cells(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> tuple[list[Column[Row]], list[list[str]]]:
    """The columns that have something to say, and their texts row by row, each on one line."""
    by_column = [[printable(column.text(row)) for row in rows] for column in columns]
    kept = [index for index, texts in enumerate(by_column) if any(texts)]
    return [columns[index] for index in kept], [[by_column[index][row] for index in kept] for row in range(len(rows))]


def terminal_table(columns: Sequence[Column[Row]], rows: Sequence[Row], width: int) -> tuple[Table, int]:
    """A table that fits `width` characters, and the number of columns left out for it."""
    kept, texts = cells(columns, rows)
    shown = _fitting(kept, texts, width)
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for index, needed in shown.items():
        justify: JustifyMethod = "right" if kept[index].numeric else "left"
        table.add_column(Text(kept[index].title), justify=justify, overflow="fold", width=needed)
    for row in texts:
        texts_shown = (
            row[index] if cell_len(row[index]) <= shown[index] else BREAK.sub("\n", row[index]) for index in shown
        )
        table.add_row(*map(Text, texts_shown))
    return table, len(kept) - len(shown)


def markdown_table(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> str:
    """A pipe table."""
    kept, texts = cells(columns, rows)
    lines = [[column.title for column in kept], ["---:" if column.numeric else "---" for column in kept]]
    lines += [[escape_markdown(text) for text in row] for row in texts]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def escape_markdown(text: str) -> str:
    """Text that cannot end its cell, become HTML or turn into emphasis or a link."""
    escaped = html.escape(printable(text), quote=False)
    for character in "\\`*_[]|":
        escaped = escaped.replace(character, f"\\{character}")
    return escaped


def csv_table(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> str:
    """Raw values; an empty field where there is none. Columns without any value are left out."""
    named = {name: value for column in columns for name, value in column.raw.items()}
    by_name = {name: [value(row) for row in rows] for name, value in named.items()}
    kept = {name: values for name, values in by_name.items() if any(value not in (None, "") for value in values)}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(kept)
    writer.writerows(zip(*kept.values(), strict=True))
    return out.getvalue()


def _fitting(columns: Sequence[Column[Row]], texts: Sequence[Sequence[str]], width: int) -> dict[int, int]:
    """The columns that fit and their widths. The first two stay whatever the width; the first one that does not fit
    ends the table, as what ranks below may make no sense without it."""
    shown: dict[int, int] = {}
    for index in sorted(range(len(columns)), key=lambda index: columns[index].rank):
        pieces = columns[index].title.split()
        pieces += [piece for row in texts for piece in BREAK.split(row[index])]
        needed = min(max(map(cell_len, pieces)), width // 2)
        if len(shown) >= 2 and sum(shown.values()) + needed + SEPARATOR * len(shown) > width:
            break
        shown[index] = needed
    return dict(sorted(shown.items()))
