"""How far the tokens of a trained model look: `analysis/locality.json`, which every run of a model with a matrix has,
and `analysis/receptive_field.json` and `.npz`, where they were asked for (lkca_exp/analysis)."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lkca_exp.report.read.extras import Curves, curves_of
from lkca_exp.report.read.load import Run

LOCALITY, FIELD, FIELDS = "locality.json", "receptive_field.json", "receptive_field.npz"
Levels = tuple[float, ...]


@dataclass(frozen=True)
class Mass:
    """`layers`: for each layer the share of its mass within r = 0, 1, ... tokens; `even`: if all tokens were read
    alike. `num_images` were looked at."""

    layers: tuple[Levels, ...]
    even: Levels
    num_images: int


@dataclass(frozen=True)
class Field:
    """The effective receptive field of the central token: `radii` in pixels, a layer each, `even` if it depended on
    all pixels alike; `pictures` (layers, H, W)."""

    radii: Levels
    even: float
    pictures: np.ndarray


@dataclass(frozen=True)
class Reach:
    """`problems` says why of a file that cannot be used."""

    mass: Mass | None = None
    field: Field | None = None
    problems: tuple[str, ...] = ()


def read_reach(run: Run) -> Reach:
    """What the run's `analysis/` says of it."""
    folder, problems = run.folder / "analysis", []
    mass = field = None
    try:
        mass = _mass(folder / LOCALITY) if (folder / LOCALITY).is_file() else None
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"{run.folder.name}/analysis/{LOCALITY}: {error}")
    try:
        field = _field(folder) if (folder / FIELD).is_file() else None
    except (OSError, ValueError, RecursionError, KeyError, EOFError, zipfile.BadZipFile) as error:
        problems.append(f"{run.folder.name}/analysis/{FIELD}: {error}")
    return Reach(mass, field, tuple(problems))


def _mass(path: Path) -> Mass:
    curves, found = _read(path)
    even, num_images = found.get("even"), found.get("images")
    if not isinstance(even, list) or len(even) != len(curves.x) or not isinstance(num_images, int):
        raise ValueError("has no even shares and images")
    return Mass(tuple(map(_full, curves.series.values())), _full(even), num_images)


def _field(folder: Path) -> Field:
    curves, found = _read(folder / FIELD)
    (radii,) = map(_full, curves.series.values())
    with np.load(folder / FIELDS, allow_pickle=False) as arrays:
        pictures = arrays["fields"].astype(np.float64)
    usable = pictures.ndim == 3 and len(pictures) == len(radii) and np.isfinite(pictures).all() and pictures.min() >= 0
    if not usable or not pictures.sum((1, 2)).all():
        raise ValueError(f"{FIELDS} does not go with it")
    (even,) = _full([found.get("even")])
    return Field(radii, even, pictures)


def _read(path: Path) -> tuple[Curves, dict[str, Any]]:
    found = json.loads(path.read_text(encoding="utf-8"))
    return curves_of(path.stem, found), found


def _full(values: list[float | None]) -> Levels:
    if not all(isinstance(value, int | float) for value in values):
        raise ValueError("has gaps")
    return tuple(float(value) for value in values if value is not None)
