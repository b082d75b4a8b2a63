"""Lines along a number that varies: kernel size, share of the data, depth, learning rate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lkca_exp.report.compare.aggregate import Summary, Variant
from lkca_exp.report.compare.names import MIXER, PRESET, describe

NO_AMOUNT = ("data.subset_seed", "numerics")
"""Numbers that are names."""


@dataclass(frozen=True)
class Line:
    """Variants that differ in one key only, sorted by its value."""

    name: str
    points: tuple[tuple[float, Variant], ...]


@dataclass(frozen=True)
class Ablation:
    """Lines that may be compared: the same images and protocol, but for the key. `place` names those where there are
    several. `references` are the baselines that have no such key."""

    key: str
    place: str
    lines: tuple[Line, ...]
    references: tuple[Variant, ...]


def ablations(summary: Summary) -> list[Ablation]:
    """One for every number that takes two values or more on some line, and for every place where it does."""
    keys = [key for key in (*summary.shown, *summary.apart) if key not in NO_AMOUNT]
    return [one for key in keys for one in _along(key, summary)]


def _along(key: str, summary: Summary) -> list[Ablation]:
    apart = [other for other in summary.apart if other != key]
    places: dict[str, list[Variant]] = {}
    for variant in summary.variants:
        if variant.score is not None:
            places.setdefault(_values(variant, apart), []).append(variant)
    found = [_ablation(key, _place(key, variants[0], summary), variants, summary) for variants in places.values()]
    return [one for one in found if one.lines]


def _ablation(key: str, place: str, variants: Sequence[Variant], summary: Summary) -> Ablation:
    names = [PRESET, MIXER]
    rest = list(dict.fromkeys([*names, *(other for other in summary.shown if other != key)]))
    lines: dict[str, list[tuple[float, Variant]]] = {}
    for variant in variants:
        value = variant.keys.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            lines.setdefault(_values(variant, rest), []).append((float(value), variant))
    drawn = [sorted(points, key=_value) for points in lines.values() if len({value for value, _ in points}) > 1]
    told = [other for other in rest if other in names or len({_values(one[0][1], [other]) for one in drawn}) > 1]
    return Ablation(
        key,
        place,
        tuple(Line(_line_name(points[0][1], told), tuple(points)) for points in drawn),
        tuple(variant for variant in variants if variant.is_baseline and variant.keys.get(key) is None),
    )


def _line_name(variant: Variant, keys: Iterable[str]) -> str:
    """The mixer names a model without a preset, and is told with a preset where its variants differ in it."""
    kept = [key for key in keys if key in variant.named_by or (key == MIXER and PRESET not in variant.keys)]
    return describe(variant.keys, kept)


def _place(key: str, variant: Variant, summary: Summary) -> str:
    if key in summary.apart:
        return describe(variant.keys, [other for other in summary.apart if other != key], ", ")
    return variant.setting if len(summary.settings) > 1 else ""


def _values(variant: Variant, keys: Iterable[str]) -> str:
    return json.dumps([variant.keys.get(key) for key in keys], default=str)


def _value(point: tuple[float, Variant]) -> float:
    return point[0]
