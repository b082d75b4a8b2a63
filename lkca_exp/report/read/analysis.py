"""What an analysis left in the folder `analysis/` of a run: pictures (*.png, *.svg) and curves (*.json).

A file of curves is `{"title", "x_label", "y_label", "x": [...], "series": {"name": [...]}}`. `locality.json`, which
every run of a model with a matrix has, and `receptive_field.json` and `.npz` are shown for all runs of a variant
together.
"""

from __future__ import annotations

import base64
import json
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lkca_exp.report.read.load import Run, is_number

LOCALITY, FIELD, FIELDS = "locality.json", "receptive_field.json", "receptive_field.npz"
OF_VARIANTS = ("locality", "receptive_field")
"""Stems of the files that are shown for all runs of a variant together."""
PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}
NOTES = {
    "kernels": "A row a layer, the first on top: the mean size of the weights of all its kernels, then its strongest "
    "kernels. Red is positive, blue negative, each on its own scale."
}
MOST_PICTURE_CHARACTERS = 8_000_000
"""Of all pictures in the page together."""
LARGEST_BYTES = 1_000_000
"""A larger file is linked and not shown, so that the page stays one that a mail can carry."""
UNREADABLE = (OSError, ValueError, RecursionError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged file raises; RuntimeError with its kin NotImplementedError is zipfile's."""


@dataclass(frozen=True)
class Picture:
    """`address` has the whole file in it."""

    stem: str
    address: str
    note: str = ""


@dataclass(frozen=True)
class Curves:
    """`series` has a value for each of `x`; None where there is none to draw."""

    stem: str
    title: str
    x_label: str
    y_label: str
    x: list[float]
    series: dict[str, list[float | None]]


@dataclass(frozen=True)
class Extras:
    """`problems` says why of each file that the page does not show."""

    pictures: tuple[Picture, ...] = ()
    curves: tuple[Curves, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mass:
    """`within` (layers, R): the share of a layer's mass within r = 0, 1, ... tokens; `even` (R,): if all tokens were
    read alike. `num_images` were analysed."""

    within: np.ndarray
    even: np.ndarray
    num_images: int

    @cached_property
    def distance(self) -> np.ndarray:
        """(layers,) mean distances in tokens."""
        return mean_distance(self.within)


@dataclass(frozen=True)
class Field:
    """The effective receptive field of the central token: `radii` (layers,) in pixels, `even` if it depended on all
    pixels alike; `pictures` (layers, H, W)."""

    radii: np.ndarray
    even: float
    pictures: np.ndarray


def mean_distance(within: np.ndarray) -> np.ndarray:
    """Of mass whose shares within r = 0, 1, ... are given on the last axis: a token further away is outside of one more
    of them."""
    return (1 - within).sum(-1)


def read_mass(run: Run) -> Mass | None:
    """How far the tokens of a run look; None where it was not analysed. Raises one of `UNREADABLE`."""
    path = run.folder / "analysis" / LOCALITY
    if not path.is_file():
        return None
    curves, entries = _read(path)
    even, num_images = entries.get("even"), entries.get("images")
    if not isinstance(even, list) or len(even) != len(curves.x) or not isinstance(num_images, int):
        raise ValueError("has no even shares and images")
    return Mass(np.stack([_full(values) for values in curves.series.values()]), _full(even), num_images)


def read_field(run: Run) -> Field | None:
    """The receptive field of a run; None where it was not analysed. Raises one of `UNREADABLE`."""
    folder = run.folder / "analysis"
    if not (folder / FIELD).is_file():
        return None
    curves, entries = _read(folder / FIELD)
    (radii,) = map(_full, curves.series.values())
    with np.load(folder / FIELDS, allow_pickle=False) as arrays:
        pictures = arrays["fields"].astype(np.float64)
    usable = pictures.ndim == 3 and len(pictures) == len(radii) and np.isfinite(pictures).all() and pictures.min() >= 0
    if not usable or not pictures.sum((1, 2)).all():
        raise ValueError(f"{FIELDS} does not go with it")
    (even,) = _full([entries.get("even")])
    return Field(radii, float(even), pictures)


def _read(path: Path) -> tuple[Curves, dict[str, Any]]:
    entries = json.loads(path.read_text(encoding="utf-8"))
    return curves_of(path.stem, entries), entries


def _full(values: list[Any]) -> np.ndarray:
    if not all(is_number(value) for value in values):
        raise ValueError("has gaps")
    return np.array(values, dtype=np.float64)


def read_extras(run: Run, room: int = MOST_PICTURE_CHARACTERS) -> Extras:
    """What the run's `analysis/` holds, with pictures of at most `room` characters; a file that cannot be shown is
    named with the reason."""
    pictures: list[Picture] = []
    curves: list[Curves] = []
    problems: list[str] = []
    folder = run.folder / "analysis"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix not in (*PICTURES, ".json") or path.stem in OF_VARIANTS or not path.is_file():
            continue
        try:
            if (size := path.stat().st_size) > LARGEST_BYTES:
                raise ValueError(f"larger than {LARGEST_BYTES / 1e6:g} MB")
            if path.suffix == ".json":
                curves.append(curves_of(path.stem, json.loads(path.read_text(encoding="utf-8"))))
            elif 4 * size / 3 > room:  # base64 has four characters for three bytes
                raise ValueError("the page is full")
            else:
                pictures.append(_picture(path))
                room -= len(pictures[-1].address)
        except (OSError, ValueError, RecursionError) as error:
            problems.append(f"{run.folder.name}/analysis/{path.name}: {error}")
    return Extras(tuple(pictures), tuple(curves), tuple(problems))


def _picture(path: Path) -> Picture:
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return Picture(path.stem, f"data:{PICTURES[path.suffix]};base64,{content}", NOTES.get(path.stem, ""))


def curves_of(stem: str, content: object) -> Curves:
    """What a file of curves holds.

    Raises ValueError for other content.
    """
    if not isinstance(content, dict) or not isinstance(content.get("series"), dict):
        raise ValueError("has no series")
    x, series = _numbers(content.get("x")), {str(name): _numbers(values) for name, values in content["series"].items()}
    if not x or any(value is None for value in x) or any(len(values) != len(x) for values in series.values()):
        raise ValueError("x and series are not numbers of the same count")
    if not any(value is not None for values in series.values() for value in values):
        raise ValueError("has no numbers")
    texts = {key: str(content.get(key) or "") for key in ("title", "x_label", "y_label")}
    return Curves(stem, **texts, x=[value for value in x if value is not None], series=series)


def _numbers(values: Any) -> list[float | None]:
    if not isinstance(values, list):
        raise ValueError("x and series are not numbers of the same count")
    return [float(value) if is_number(value) else None for value in values]
