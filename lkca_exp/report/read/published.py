"""Numbers that others published, to stand beside ours: they are shown with their source and enter no mean or test."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

DEFAULT = Path("experiments/published_results.csv")
"""Read where it is there, from the folder that a checkout is worked in."""
NEEDED = ("model", "data", "top1_percent", "protocol", "source")


@dataclass(frozen=True)
class Published:
    """A top-1 accuracy in percent on the test images of a data set, trained on all of its training images."""

    model: str
    data: str
    top1_percent: float
    protocol: str
    source: str


def read_published(path: Path | None) -> list[Published]:
    """The rows of a CSV file with the columns in `NEEDED`; those of the default file, if it is there, for None.

    Raises ValueError for a file that cannot be read, and names the line.
    """
    if path is None:
        if not DEFAULT.is_file():
            return []
        path = DEFAULT
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: {error}") from error
    return [_row(path, number, row) for number, row in enumerate(rows, start=2)]


def _row(path: Path, number: int, row: dict[str, str | None]) -> Published:
    values = {name: (row.get(name) or "").strip() for name in NEEDED}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise ValueError(f"{path}, line {number}: no {', '.join(missing)}")
    try:
        top1 = float(values["top1_percent"])
    except ValueError:
        top1 = math.nan
    if not 0 <= top1 <= 100:
        raise ValueError(f"{path}, line {number}: top1_percent is {values['top1_percent']!r}, not 0 to 100")
    return Published(values["model"], values["data"], top1, values["protocol"], values["source"])
