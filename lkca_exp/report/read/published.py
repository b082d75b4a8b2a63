"""Numbers that others published, to stand beside ours: they are shown with their source and enter no mean or test."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

DEFAULT = Path("experiments/published_results.csv")
"""Read if it exists, from the working directory."""
NEEDED = ("model", "data", "top1_percent", "protocol", "source")


@dataclass(frozen=True)
class Published:
    """A top-1 accuracy in percent on the test images of a data set, trained on all of its training images.

    Where they are published too: the size, and the multiplications of an image's forward pass on this data set, all of
    them or without those inside the token mixer. `commit` is that of the source, `like` the overrides that our nearest
    model is made with, `note` what a reader has to know about the row.
    """

    model: str
    data: str
    top1_percent: float
    protocol: str
    source: str
    million_parameters: float | None = None
    mega_multiplications: float | None = None
    like: tuple[str, ...] = ()
    mega_macs_without_mixer: float | None = None
    commit: str = ""
    note: str = ""


def read_published(path: Path | None) -> list[Published]:
    """The rows of a CSV file with at least the columns in `NEEDED`; of the default file, if it exists, for None.

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
    top1 = _number(values["top1_percent"])
    if not 0 <= top1 <= 100:
        raise ValueError(f"{path}, line {number}: top1_percent is {values['top1_percent']!r}, not 0 to 100")
    return Published(
        values["model"],
        values["data"],
        top1,
        values["protocol"],
        values["source"],
        million_parameters=_size(path, number, "million_parameters", row),
        mega_multiplications=_size(path, number, "mega_multiplications", row),
        like=tuple((row.get("like") or "").split()),
        mega_macs_without_mixer=_size(path, number, "mega_macs_without_mixer", row),
        commit=(row.get("commit") or "").strip(),
        note=(row.get("note") or "").strip(),
    )


def _size(path: Path, number: int, name: str, row: dict[str, str | None]) -> float | None:
    text = row.get(name)
    if not text:
        return None
    value = _number(text)
    if not 0 < value < math.inf:
        raise ValueError(f"{path}, line {number}: {name} is {text!r}, not a number above 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
