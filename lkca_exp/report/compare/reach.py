"""How far the tokens of each variant reach, over its seeds.

Distances are in tokens, rows or columns, whichever is more; radii in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lkca_exp.report.compare.statistics import Estimate, estimate
from lkca_exp.report.compare.variant import Setting, Variant
from lkca_exp.report.read.analysis import FIELD, LOCALITY, UNREADABLE, Field, Mass, mean_distance, read_field, read_mass
from lkca_exp.report.read.load import Run


@dataclass(frozen=True)
class Reach:
    """A variant with the analyses of its seeds, all of the first one's shape; `fields` where they were asked for."""

    variant: Variant
    masses: Sequence[Mass]
    fields: Sequence[Field]

    @cached_property
    def distance(self) -> list[Estimate]:
        """By layer, in tokens."""
        return _estimates([mass.distance for mass in self.masses])

    @cached_property
    def overall(self) -> Estimate:
        """The mean distance over layers."""
        return estimate([float(mass.distance.mean()) for mass in self.masses])

    @cached_property
    def within(self) -> list[list[Estimate]]:
        """Shares of the mass by layer and r."""
        return [_estimates(layer) for layer in zip(*(mass.within for mass in self.masses), strict=True)]

    @property
    def even(self) -> np.ndarray:
        """(R,) shares of the mass if all tokens were read alike."""
        return self.masses[0].even

    @property
    def even_distance(self) -> float:
        return float(mean_distance(self.even))

    @cached_property
    def radius(self) -> list[Estimate]:
        """By layer, in pixels; empty without fields."""
        return _estimates([field.radii for field in self.fields])

    @property
    def even_radius(self) -> float | None:
        """If the centre depended on all pixels alike."""
        return self.fields[0].even if self.fields else None

    @property
    def pictures(self) -> np.ndarray:
        """(layers, H, W): receptive fields, each of sum 1, a mean over the seeds."""
        return np.mean([field.pictures / field.pictures.sum((1, 2), keepdims=True) for field in self.fields], axis=0)


def read_reaches(setting: Setting) -> tuple[list[Reach], list[str]]:
    """The variants that were analysed, the shortest mean distance first, and a line for each file that cannot be
    used."""
    problems: list[str] = []

    def read(reader: Callable[[Run], Any], name: str, runs: Iterable[Run]) -> list[Any]:
        results = []
        for run in runs:
            try:
                results.append(reader(run))
            except UNREADABLE as error:
                problems.append(f"{run.folder.name}/analysis/{name}: {error}")
        return [result for result in results if result is not None]

    reaches = []
    for variant in setting.variants:
        masses: list[Mass] = read(read_mass, LOCALITY, variant.counted)
        fields: list[Field] = read(read_field, FIELD, variant.counted)
        if masses:
            masses = [mass for mass in masses if mass.within.shape == masses[0].within.shape]
            fields = [field for field in fields if field.pictures.shape == fields[0].pictures.shape]
            reaches.append(Reach(variant, masses, fields))
    return sorted(reaches, key=lambda reach: reach.overall.mean), problems


def _estimates(seeds: Sequence[np.ndarray]) -> list[Estimate]:
    """Of (n,) values of each seed, n estimates."""
    return [estimate(values) for values in np.transpose(seeds).tolist()] if seeds else []
