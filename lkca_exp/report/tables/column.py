"""One list of columns a table, from which the terminal, Markdown, LaTeX, CSV, JSON and the page are all written.

A column has a text for readers and raw numbers for programs, named with their units. A column that is empty in every
row is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from lkca_exp.report.formats import printable

Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """`raw` maps a name to its value, the first of which the page sorts by. A narrow terminal keeps the columns of the
    smallest `rank`; the page shows an `extra` one on request. `strong` marks what a reader should find first."""

    title: str
    text: Callable[[Row], str]
    raw: Mapping[str, Callable[[Row], Any]] = field(default_factory=dict)
    numeric: bool = True
    rank: int = 9
    extra: bool = False
    strong: Callable[[Row], bool] = lambda row: False


@dataclass(frozen=True)
class Cell:
    """A text on one line, and whether it stands out."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Table(Generic[Row]):
    """`remarks` are read below it."""

    columns: Sequence[Column[Row]]
    rows: Sequence[Row]
    remarks: Sequence[str] = ()

    def shown(self) -> tuple[list[Column[Row]], list[list[Cell]]]:
        """The columns that have something to say, and their cells row by row."""
        return cells(self.columns, self.rows)

    def raw(self) -> tuple[list[str], list[list[Any]]]:
        """Names and values for programs; columns without any value are left out."""
        named = {name: value for column in self.columns for name, value in column.raw.items()}
        by_name = {name: [value(row) for row in self.rows] for name, value in named.items()}
        kept = {name: values for name, values in by_name.items() if any(value not in (None, "") for value in values)}
        return list(kept), [list(row) for row in zip(*kept.values(), strict=True)]


def number(
    title: str,
    name: str,
    value: Callable[[Row], float | None],
    write: Callable[[float], str],
    rank: int = 9,
    extra: bool = False,
) -> Column[Row]:
    """A column of one number a row, empty where there is none."""

    def text(row: Row) -> str:
        amount = value(row)
        return "" if amount is None else write(amount)

    return Column(title, text, {name: value}, rank=rank, extra=extra)


def words(title: str, name: str, value: Callable[[Row], str], rank: int = 9, extra: bool = False) -> Column[Row]:
    """A column of text, the same for readers and programs."""
    return Column(title, value, {name: value}, numeric=False, rank=rank, extra=extra)


def raw_only(name: str, value: Callable[[Row], Any]) -> Column[Row]:
    """A column for programs."""
    return Column("", lambda row: "", {name: value})


def cells(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> tuple[list[Column[Row]], list[list[Cell]]]:
    by_column = [[Cell(printable(column.text(row)), column.strong(row)) for row in rows] for column in columns]
    kept = [index for index, of_column in enumerate(by_column) if any(cell.text for cell in of_column)]
    return [columns[index] for index in kept], [[by_column[index][row] for index in kept] for row in range(len(rows))]
