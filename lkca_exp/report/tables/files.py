"""A table as a file: Markdown and LaTeX for readers, CSV and JSON for programs."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable

from lkca_exp.report.formats import MINUS, printable
from lkca_exp.report.tables.column import Cell, Row, Table

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Starts of text that a spreadsheet takes for a formula."""
BLOCK = re.compile(r"^(?:(?=(?:#{1,6}|[+-]|-{3,})(?: |$))|(\d+)(?=[.)](?: |$)))")
"""Where a backslash keeps Markdown from taking the start of a text for a heading, a list or a rule."""
LATEX_MINUS = "\N{MINUS SIGN}"
LATEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "†": r"\dag{}",
    "Δ": r"$\Delta$",
    LATEX_MINUS: "$-$",
}


def markdown_table(table: Table[Row]) -> str:
    """A pipe table, then the remarks."""
    columns, rows = table.shown()
    lines = [[escape_markdown(column.title) for column in columns]]
    lines += [["---:" if column.numeric else "---" for column in columns]]
    lines += [[_markdown(cell) for cell in row] for row in rows]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return text + "".join(f"\n{escape_markdown(remark)}\n" for remark in table.remarks)


def latex_table(table: Table[Row]) -> str:
    """A `tabular` with the rules of the package booktabs, the remarks below it as comments."""
    columns, rows = table.shown()
    head = " & ".join(escape_latex(column.title) for column in columns)
    body = [" & ".join(_latex(cell) for cell in row) for row in rows]
    places = "".join("r" if column.numeric else "l" for column in columns)
    head, *body = (f"{{}}{row}" if row.startswith(("[", "*")) else row for row in [head, *body])  # no option of a rule
    lines = [rf"\begin{{tabular}}{{{places}}}", r"\toprule", rf"{head} \\", r"\midrule"]
    lines += [*(rf"{row} \\" for row in body), r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, *(f"% {printable(remark)}" for remark in table.remarks)]) + "\n"


def csv_table(table: Table[Row]) -> str:
    """Raw values; an empty field where there is none. Text that a spreadsheet would take for a formula begins with an
    apostrophe."""
    names, rows = table.raw()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([_csv(value) for value in row] for row in [names, *rows])
    return out.getvalue()


def json_table(table: Table[Row]) -> str:
    """A list of one object a row, raw values."""
    names, rows = table.raw()
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1, default=str) + "\n"


def escape_markdown(text: str) -> str:
    """Text that cannot end its cell, become HTML, a heading or a list, or turn into emphasis, mathematics or a link."""
    escaped = html.escape(printable(text), quote=False).strip()
    for character in "\\`*_[]|~$":
        escaped = escaped.replace(character, f"\\{character}")
    return BLOCK.sub(r"\1\\", escaped)


def escape_latex(text: str) -> str:
    """Text in which nothing is a command; a minus before a digit is one."""
    return "".join(LATEX.get(character, character) for character in MINUS.sub(LATEX_MINUS, printable(text)))


WRITERS: dict[str, Callable[[Table], str]] = {
    "md": markdown_table,
    "tex": latex_table,
    "csv": csv_table,
    "json": json_table,
}


def _csv(value: object) -> object:
    if not isinstance(value, str):
        return value
    return ("'" if value.startswith(FORMULA) else "") + "\n".join(re.split("\r\n?", value))


def _markdown(cell: Cell) -> str:
    text = escape_markdown(cell.text)
    return f"**{text}**" if cell.strong and text else text


def _latex(cell: Cell) -> str:
    text = escape_latex(cell.text)
    return rf"\textbf{{{text}}}" if cell.strong and text else text
