"""A table on a terminal, as wide as that is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import JustifyMethod
from rich.table import Table as RichTable
from rich.text import Text

from lkca_exp.report.tables.column import Cell, Column, Row, Table

BREAK = re.compile(r" (?=\()")
"""In a narrow cell a remark in brackets has a line of its own."""
SEPARATOR = 3  # characters between two columns


def terminal_table(table: Table[Row], width: int) -> tuple[RichTable, int]:
    """A table that fits `width` characters, and the number of columns left out for it."""
    kept, rows = table.shown()
    shown = _fitting(kept, rows, width)
    drawn = RichTable(show_edge=False, pad_edge=False, header_style="bold")
    for index, needed in shown.items():
        justify: JustifyMethod = "right" if kept[index].numeric else "left"
        drawn.add_column(Text(kept[index].title), justify=justify, overflow="fold", width=needed)
    for row in rows:
        drawn.add_row(*(_text(row[index], needed) for index, needed in shown.items()))
    return drawn, len(kept) - len(shown)


def _text(cell: Cell, width: int) -> Text:
    text = cell.text if cell_len(cell.text) <= width else BREAK.sub("\n", cell.text)
    return Text(text, style="bold" if cell.strong else "")


def _fitting(columns: Sequence[Column[Row]], rows: Sequence[Sequence[Cell]], width: int) -> dict[int, int]:
    """The columns that fit and their widths. The first two stay whatever the width; the first one that does not fit
    ends the table, as what ranks below may make no sense without it."""
    shown: dict[int, int] = {}
    for index in sorted(range(len(columns)), key=lambda index: columns[index].rank):
        pieces = columns[index].title.split()
        pieces += [piece for row in rows for piece in BREAK.split(row[index].text)]
        needed = min(max(map(cell_len, pieces)), width // 2)
        if len(shown) >= 2 and sum(shown.values()) + needed + SEPARATOR * len(shown) > width:
            break
        shown[index] = needed
    return dict(sorted(shown.items()))
