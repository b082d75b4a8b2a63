"""How far tokens look, by depth: attention's mass and a kernel's side by side, and what the centre depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from lkca_exp.report.compare.reach import Fields, VariantReach, mean_and_sd
from lkca_exp.report.compare.statistics import Estimate
from lkca_exp.report.figures.model import Axis, Figure, Line, Mark, Plot, Style, TileRow, Tiles
from lkca_exp.report.formats import count

T = TypeVar("T")

MOST_LAYERS = 6
"""Of more layers as many are drawn, the first and the last among them; the tables have all."""
ALIKE = Style("#8a929c", "2 3")
ALL_ALIKE = "all alike"
DOTTED = " Dotted: if all counted alike."
SPREAD = "Mean over seeds; the band is one standard deviation to either side."


def reach_figures(reached: Sequence[VariantReach], style: Mapping[str, Style]) -> list[Figure]:
    """Distance and radius by layer, the share of the mass within r tokens, layer by layer, and receptive fields."""
    if not reached:
        return []
    deepest = max(len(one.masses.distance) for one in reached)
    figures: list[Figure] = [_distance(reached, deepest, style)]
    with_fields = [one for one in reached if one.fields]
    if with_fields:
        figures.append(_radius(with_fields, deepest, style))
    figures += [_within(reached, index, style) for index in spread(deepest)]
    return [*figures, _pictures(with_fields)] if with_fields else figures


def spread(many: int) -> list[int]:
    """At most `MOST_LAYERS` of the places 0 to `many` - 1, evenly, with both ends."""
    if many == 1:
        return [0]
    return sorted({round(place) for place in np.linspace(0, many - 1, min(many, MOST_LAYERS))})


def _distance(reached: Sequence[VariantReach], deepest: int, style: Mapping[str, Style]) -> Plot:
    marks = [_line(one, one.masses.distance, style) for one in reached]
    level = _shared([one.masses.even_distance for one in reached])
    note = f"How far a token looks: the mean distance of the tokens that it reads, by the size of the weights. {SPREAD}"
    return _by_layer("reach-distance", "Mean distance looked at, tokens", note, marks, level, deepest)


def _radius(reached: Sequence[VariantReach], deepest: int, style: Mapping[str, Style]) -> Plot:
    found = [(one, one.fields) for one in reached if one.fields]
    marks = [_line(one, fields.radius, style) for one, fields in found]
    level = _shared([fields.even for _, fields in found])
    note = (
        "How far from the centre the pixels are that the central token depends on: the mean distance of its gradient "
        f"(Luo et al. 2016). {SPREAD}"
    )
    return _by_layer("reach-radius", "Radius of the effective receptive field, pixels", note, marks, level, deepest)


def _by_layer(slug: str, title: str, note: str, lines: list[Mark], level: float | None, deepest: int) -> Plot:
    places = list(range(1, deepest + 1))
    if level is not None:
        lines = [*lines, Line(ALL_ALIKE, ALIKE, places, [level] * deepest)]
        note += DOTTED
    return Plot(slug, title, note, Axis("layer", ticks=tuple(places)), Axis(""), lines)


def _within(reached: Sequence[VariantReach], index: int, style: Mapping[str, Style]) -> Plot:
    found = [one for one in reached if index < len(one.masses.within)]
    marks = [_line(one, one.masses.within[index], style, start=0, scale=100) for one in found]
    even = _shared([one.masses.even for one in found])
    if even is not None:
        marks.append(Line(ALL_ALIKE, ALIKE, list(range(len(even))), [100 * share for share in even]))
    places = tuple(range(max(len(one.masses.even) for one in found)))
    title = f"Share of the mass within r tokens, layer {index + 1}"
    note = _about_mass(found, dotted=even is not None) if index == 0 else ""
    return Plot(f"reach-within-layer-{index + 1}", title, note, Axis("r", ticks=places), Axis("", " %"), marks, 240)


def _about_mass(reached: Sequence[VariantReach], dotted: bool) -> str:
    images = " to ".join(map(str, sorted({one.masses.num_images for one in reached})))
    return (
        "Of the weights' size, within r rows and r columns: what a kernel of side 2r+1 covers. Attention's is a mean "
        f"over heads and {images} test images. {SPREAD}{DOTTED * dotted}"
    )


def _line(
    one: VariantReach, found: Sequence[Estimate], style: Mapping[str, Style], start: int = 1, scale: float = 1
) -> Mark:
    """A point for each of `found`, from `start` on."""

    def values(of: Callable[[Estimate, float], float]) -> list[float]:
        return [scale * of(each, each.sd or 0.0) for each in found]

    several = found[0].sd is not None
    low = values(lambda each, sd: each.mean - sd) if several else ()
    high = values(lambda each, sd: each.mean + sd) if several else ()
    x = list(range(start, start + len(found)))
    return Line(one.variant.name, style[one.variant.name], x, values(lambda each, _: each.mean), low, high)


def _pictures(reached: Sequence[VariantReach]) -> Tiles:
    note = (
        "What the central token depends on: the gradient's size at every pixel, mean over seeds and images; the square "
        "root, each picture on its own scale. The radius is that of the last layer."
    )
    rows = [_row(one.variant.name, one.fields) for one in reached if one.fields]
    return Tiles("reach-fields", "Effective receptive field, layer by layer", note, rows)


def _row(name: str, fields: Fields) -> TileRow:
    last = fields.radius[-1]
    layers = spread(len(fields.pictures))
    pictures = [(f"layer {index + 1}", np.sqrt(fields.pictures[index])) for index in layers]
    return TileRow(name, f"radius {mean_and_sd(last)} px, {count(last.n, 'seed')}", pictures)


def _shared(values: Sequence[T]) -> T | None:
    """What all of them are; None where they differ."""
    return values[0] if len(set(values)) == 1 else None
