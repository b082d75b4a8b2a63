"""metrics.jsonl: a row an epoch; nothing in it depends on the clock."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeGuard

from lkca_exp.runs.files import write_atomically

LARGEST = 1e100
MOST_EPOCHS = 10**7
Row = dict[str, Any]
"""`epoch`, counted from 0, and numbers by their names."""


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write JSON lines."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    write_atomically(path, lambda file: file.write_text(text))


def read_rows(path: Path) -> tuple[list[Row], int]:
    """The rows in their order, each with its finite numbers, and how many lines hold none. There are no rows if there
    is no file; a last line cut short is what a copy that was interrupted leaves, and not counted."""
    if not path.is_file():
        return [], 0
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    if text and not text.endswith("\n") and _row(lines[-1]) is None:
        lines.pop()
    rows = [_row(line) for line in lines]
    return [row for row in rows if row is not None], rows.count(None)


def _row(line: str) -> Row | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    row = {key: value for key, value in row.items() if is_number(value)} if isinstance(row, dict) else {}
    return row if isinstance(row.get("epoch"), int) and 0 <= row["epoch"] < MOST_EPOCHS else None


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a finite number, of a size that sums of squares and figures can bear."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
