"""How far the tokens of each variant look, over its seeds: the mass of the mixers by distance, and receptive fields.

Distances are in tokens, rows or columns, whichever is more; radii in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lkca_exp.report.compare.aggregate import Variant
from lkca_exp.report.compare.statistics import Estimate, estimate
from lkca_exp.report.formats import count
from lkca_exp.report.read.reach import Field, Mass, Reach

MOST_BY_DEPTH = 2
"""Of more variants the sentence does not tell what they do by depth: the figures do."""
MOST_TOLD = 5
"""Of more variants the sentence tells the first, the baseline and the last."""


@dataclass(frozen=True)
class Masses:
    """Of the mixers' mass: `within` by layer and r, `distance` by layer, `overall` the mean over layers; over the runs
    that were looked at. `even` and `even_distance` are those of tokens that read all tokens alike."""

    within: tuple[tuple[Estimate, ...], ...]
    distance: tuple[Estimate, ...]
    overall: Estimate
    even: tuple[float, ...]
    even_distance: float
    num_images: int


@dataclass(frozen=True)
class Fields:
    """Of receptive fields: `radius` by layer; `pictures` (layers, H, W), each of sum 1, a mean over the runs that were
    looked at; `even` is the radius if the centre depended on all pixels alike."""

    radius: tuple[Estimate, ...]
    even: float
    pictures: np.ndarray


@dataclass(frozen=True)
class VariantReach:
    """`fields` where they were asked for."""

    variant: Variant
    masses: Masses
    fields: Fields | None


def reaches(variants: Sequence[Variant], found: Mapping[Path, Reach]) -> list[VariantReach]:
    """Those of the variants that were looked at, the shortest mean distance first."""
    reached = []
    for variant in variants:
        looks = [found[run.folder] for run in variant.counted if run.folder in found]
        masses = [look.mass for look in looks if look.mass is not None]
        if masses:
            fields = _fields([look.field for look in looks if look.field is not None])
            reached.append(VariantReach(variant, _masses(masses), fields))
    return sorted(reached, key=lambda one: one.masses.overall.mean)


def mean_distance(within: Sequence[float]) -> float:
    """Of mass whose shares within r = 0, 1, ... are given: a token further away is outside of one more of them."""
    return math.fsum(1 - share for share in within)


def sentences(reached: Sequence[VariantReach]) -> list[str]:
    """The answer: who looks how far, and what the centre depends on."""
    if not reached:
        return []
    told = _told(reached)
    by_depth = len(told) <= MOST_BY_DEPTH
    parts = [
        f"{mean_and_sd(one.masses.overall)} with {one.variant.name} ({_told_of(one.masses.distance, by_depth)})"
        for one in told
    ]
    even = {f"{one.masses.even_distance:.2f}" for one in reached}
    found = [
        f"How many tokens far a token looks: {_joined(parts)}{_if_even(even, 'if it looked at all tokens alike')}."
    ]
    with_fields = [(one.variant.name, one.fields) for one in told if one.fields]
    if with_fields:
        parts = [f"{mean_and_sd(fields.radius[-1])} pixels with {name}" for name, fields in with_fields]
        even = {f"{fields.even:.2f}" for _, fields in with_fields}
        alike = _if_even(even, "if it depended on all pixels alike")
        found.append(f"After the last layer the centre's receptive field has a radius of {_joined(parts)}{alike}.")
    return found


def mean_and_sd(found: Estimate) -> str:
    """2.86 ± 0.01."""
    return f"{found.mean:.2f}" + (f" ± {found.sd:.2f}" if found.sd is not None else "")


def _masses(masses: Sequence[Mass]) -> Masses:
    first = masses[0]
    masses = [one for one in masses if _shape(one) == _shape(first)]
    distances = [[mean_distance(layer) for layer in one.layers] for one in masses]
    return Masses(
        within=tuple(
            tuple(estimate(seeds) for seeds in zip(*layers, strict=True))
            for layers in zip(*(one.layers for one in masses), strict=True)
        ),
        distance=tuple(estimate(seeds) for seeds in zip(*distances, strict=True)),
        overall=estimate([math.fsum(layers) / len(layers) for layers in distances]),
        even=first.even,
        even_distance=mean_distance(first.even),
        num_images=min(one.num_images for one in masses),
    )


def _fields(fields: Sequence[Field]) -> Fields | None:
    fields = [one for one in fields if one.pictures.shape == fields[0].pictures.shape]
    if not fields:
        return None
    return Fields(
        radius=tuple(estimate(seeds) for seeds in zip(*(one.radii for one in fields), strict=True)),
        even=fields[0].even,
        pictures=np.mean([one.pictures / one.pictures.sum((1, 2), keepdims=True) for one in fields], axis=0),
    )


def _shape(mass: Mass) -> tuple[int, int]:
    return len(mass.layers), len(mass.even)


def _told(reached: Sequence[VariantReach]) -> list[VariantReach]:
    if len(reached) <= MOST_TOLD:
        return list(reached)
    return [one for one in reached if one in (reached[0], reached[-1]) or one.variant.is_baseline]


def _told_of(distance: Sequence[Estimate], by_depth: bool) -> str:
    ends = f"{distance[0].mean:.2f} in the first layer, {distance[-1].mean:.2f} in the last; "
    ends = ends if by_depth and len(distance) > 1 else ""
    return f"{ends}{count(distance[0].n, 'seed')}"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _if_even(values: set[str], condition: str) -> str:
    """Nothing where the variants do not share it."""
    return f"; it would be {min(values)} {condition}" if len(values) == 1 else ""
