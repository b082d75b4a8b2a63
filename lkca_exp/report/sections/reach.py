"""How far the tokens of each variant look, over its seeds: the mass of the mixers by distance, and receptive fields.

Read from `analysis/locality.json`, which every run of a model with a matrix has, and `analysis/receptive_field.json`
and `.npz`, where they were asked for (lkca_exp/analysis). Distances are in tokens, rows or columns, whichever is more;
radii in pixels.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lkca_exp.report.compare.aggregate import Variant
from lkca_exp.report.compare.statistics import Estimate, estimate
from lkca_exp.report.figures.model import Axis, Figure, Line, Mark, Plot, Style, TileRow, Tiles
from lkca_exp.report.figures.styles import in_figures
from lkca_exp.report.formats import count
from lkca_exp.report.read.load import Run
from lkca_exp.report.section import Block, Material, Section, TableBlock
from lkca_exp.report.sections.inside import Curves, curves_of
from lkca_exp.report.tables.column import Column, Table, number, raw_only, words

LOCALITY, FIELD, FIELDS = "locality.json", "receptive_field.json", "receptive_field.npz"
HEADING = "How far tokens look"
Levels = tuple[float, ...]
T = TypeVar("T")

MOST_LAYERS = 6
"""Of more layers as many are drawn, the first and the last among them; the tables have all."""
ALIKE = Style("#8a929c", "2 3")
ALL_ALIKE = "all alike"
DOTTED = " Dotted: if all counted alike."
SPREAD = "Mean over seeds; the band is one standard deviation to either side."
DECIMALS = 6
"""Of raw values: more than the files of the runs have."""
DEFINITION = (
    "Mean ± standard deviation over n seeds. Distance: of the tokens that a token reads, weighted by the size of the "
    "weights; rows or columns, whichever is more. Radius: mean "
    "distance of the gradient from the centre after the last layer."
)


@dataclass(frozen=True)
class Mass:
    """`layers`: for each layer the share of its mass within r = 0, 1, ... tokens; `even`: if all tokens were read
    alike. `num_images` were analysed."""

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


def section(material: Material) -> Section:
    """Of each setting with runs that were analysed."""
    blocks, everywhere, problems = [], [], []
    for setting in material.summary.settings:
        read = {run.folder: read_reach(run) for variant in setting.variants for run in variant.counted}
        problems += [problem for reach in read.values() for problem in reach.problems]
        reached = reaches(setting.variants, read)
        if reached:
            names = {variant.name for variant in in_figures(setting)}
            drawn = [one for one in reached if one.variant.name in names]
            label, rows = f"{HEADING} on {setting.name}", [one.variant.name for one in reached]
            table = TableBlock(reach_table(reached), label, names=rows)
            legend = [one.variant.name for one in drawn]
            figures = reach_figures(drawn, material.style)
            blocks.append(Block(HEADING, setting, sentences(reached), legend, figures, [table]))
            everywhere += reached
    files: dict[str, Table] = {}
    if everywhere:
        files = {"reach": reach_table(everywhere), "reach_layers": layer_table(everywhere)}
    return Section(blocks, files, problems)


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


MOST_BY_DEPTH = 2
"""Of more variants the sentence does not tell what they do by depth: the figures do."""
MOST_MENTIONED = 5
"""Of more variants the sentence tells the first, the baseline and the last."""


@dataclass(frozen=True)
class Masses:
    """Of the mixers' mass: `within` by layer and r, `distance` by layer, `overall` the mean over layers; over the runs
    that were analysed. `even` and `even_distance` are those of tokens that read all tokens alike."""

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
    """Those of the variants that were analysed, the shortest mean distance first."""
    reached = []
    for variant in variants:
        analysed = [found[run.folder] for run in variant.counted if run.folder in found]
        masses = [one.mass for one in analysed if one.mass is not None]
        if masses:
            fields = _fields([one.field for one in analysed if one.field is not None])
            reached.append(VariantReach(variant, _masses(masses), fields))
    return sorted(reached, key=lambda one: one.masses.overall.mean)


def mean_distance(within: Sequence[float]) -> float:
    """Of mass whose shares within r = 0, 1, ... are given: a token further away is outside of one more of them."""
    return math.fsum(1 - share for share in within)


def sentences(reached: Sequence[VariantReach]) -> list[str]:
    """The answer: who looks how far, and what the centre depends on."""
    if not reached:
        return []
    mentioned = _mentioned(reached)
    by_depth = len(mentioned) <= MOST_BY_DEPTH
    parts = [
        f"{mean_and_sd(one.masses.overall)} with {one.variant.name} ({_by_depth(one.masses.distance, by_depth)})"
        for one in mentioned
    ]
    even = {f"{one.masses.even_distance:.2f}" for one in reached}
    found = [
        f"How many tokens far a token looks: {_joined(parts)}{_if_even(even, 'if it looked at all tokens alike')}."
    ]
    with_fields = [(one.variant.name, one.fields) for one in mentioned if one.fields]
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


def _mentioned(reached: Sequence[VariantReach]) -> list[VariantReach]:
    if len(reached) <= MOST_MENTIONED:
        return list(reached)
    return [one for one in reached if one in (reached[0], reached[-1]) or one.variant.is_baseline]


def _by_depth(distance: Sequence[Estimate], by_depth: bool) -> str:
    ends = f"{distance[0].mean:.2f} in the first layer, {distance[-1].mean:.2f} in the last; "
    ends = ends if by_depth and len(distance) > 1 else ""
    return f"{ends}{count(distance[0].n, 'seed')}"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _if_even(values: set[str], condition: str) -> str:
    """Nothing where the variants do not share it."""
    return f"; it would be {min(values)} {condition}" if len(values) == 1 else ""


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


@dataclass(frozen=True)
class Layer:
    """`number` counts from 1."""

    of: VariantReach
    number: int

    @property
    def distance(self) -> Estimate:
        return self.of.masses.distance[self.number - 1]

    @property
    def radius(self) -> Estimate | None:
        return self.of.fields.radius[self.number - 1] if self.of.fields else None

    def within(self, r: int) -> Estimate | None:
        """In percent; None beyond the grid."""
        shares = self.of.masses.within[self.number - 1]
        return _percent(shares[r]) if r < len(shares) else None


def reach_table(reached: Sequence[VariantReach]) -> Table[VariantReach]:
    """Over all layers, in the first and in the last one."""
    columns: list[Column[VariantReach]] = [
        words("Variant", "variant", lambda one: one.variant.name),
        raw_only("data", lambda one: one.variant.setting),
        number("n", "n", lambda one: one.masses.overall.n, str),
        _estimate_column("Distance, tokens", "distance_tokens", lambda one: one.masses.overall),
        _estimate_column("First layer", "first_layer_distance_tokens", lambda one: one.masses.distance[0]),
        _estimate_column("Last layer", "last_layer_distance_tokens", lambda one: one.masses.distance[-1]),
        number("If all tokens alike", "alike_distance_tokens", lambda one: one.masses.even_distance, _two),
        _estimate_column("Radius, pixels", "radius_pixels", lambda one: one.fields.radius[-1] if one.fields else None),
        number("If all pixels alike", "alike_radius_pixels", lambda one: one.fields.even if one.fields else None, _two),
    ]
    return Table(columns, reached, [DEFINITION])


def layer_table(reached: Sequence[VariantReach]) -> Table[Layer]:
    """With the share of the mass within every r."""
    rows = [Layer(one, index + 1) for one in reached for index in range(len(one.masses.distance))]
    furthest = max(len(one.masses.even) for one in reached)
    columns: list[Column[Layer]] = [
        words("Variant", "variant", lambda row: row.of.variant.name),
        raw_only("data", lambda row: row.of.variant.setting),
        number("Layer", "layer", lambda row: row.number, str),
        number("n", "n", lambda row: row.distance.n, str),
        _estimate_column("Distance, tokens", "distance_tokens", lambda row: row.distance),
        _estimate_column("Radius, pixels", "radius_pixels", lambda row: row.radius),
        *(_within_column(r) for r in range(furthest)),
    ]
    return Table(columns, rows, [DEFINITION])


def _within_column(r: int) -> Column[Layer]:
    return _estimate_column(f"Within {r}, %", f"within_{r}_percent", lambda row: row.within(r))


def _estimate_column(title: str, name: str, of: Callable[..., Estimate | None]) -> Column:
    def part(key: str) -> Callable[..., float | None]:
        def value(row: object) -> float | None:
            found = getattr(of(row), key, None)
            return None if found is None else round(found, DECIMALS)

        return value

    def text(row: object) -> str:
        found = of(row)
        return "" if found is None else mean_and_sd(found)

    return Column(title, text, {name: part("mean"), f"{name}_sd": part("sd")})


def _percent(found: Estimate) -> Estimate:
    low, high = (None if end is None else 100 * end for end in (found.low, found.high))
    return Estimate(found.n, 100 * found.mean, None if found.sd is None else 100 * found.sd, low, high)


def _two(value: float) -> str:
    return f"{value:.2f}"
