"""Mean attention distance and effective receptive field of each variant, over its seeds.

Distances are in tokens, rows or columns, whichever is more; radii in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import altair as alt
import numpy as np

from lkca_exp.report.charts.chart import Chart, Mean, line_with_band, plot, read_out, rows_of, tips, zoomable
from lkca_exp.report.charts.picture import address
from lkca_exp.report.charts.style import Style, in_charts
from lkca_exp.report.charts.theme import QUIET
from lkca_exp.report.compare.reach import Reach, read_reaches
from lkca_exp.report.compare.statistics import Estimate
from lkca_exp.report.formats import count, joined
from lkca_exp.report.section import Block, Material, Section, TableBlock
from lkca_exp.report.tables.column import Column, Table, number, raw_only, words

HEADING = "Mean attention distance and effective receptive field"
MOST_BY_DEPTH = 2
"""Of more variants the sentence does not say how they differ by depth: the figures do."""
MOST_MENTIONED = 5
"""Of more variants the sentence names the first, the baseline and the last."""
MOST_LAYERS = 6
"""Of more layers as many are drawn, the first and the last among them; the tables have all."""
ALIKE = Style(QUIET, (2, 3))
ALL_ALIKE = "all tokens alike"
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
class PictureRow:
    """The receptive field of a layer; `row` is what is written above those of a variant."""

    variant: str
    row: str
    layer: str
    address: str


def section(material: Material) -> Section:
    """Of each setting with runs that were analysed."""
    blocks, everywhere, problems = [], [], []
    for setting in material.summary.settings:
        reaches, unreadable = read_reaches(setting)
        problems += unreadable
        if reaches:
            shown = {variant.name for variant in in_charts(setting)}
            drawn = [reach for reach in reaches if reach.variant.name in shown]
            names = [reach.variant.name for reach in reaches]
            table = TableBlock(reach_table(reaches), f"{HEADING} on {setting.name}", names=names)
            charts = reach_charts(drawn, material.style)
            blocks.append(Block(HEADING, setting, sentences(reaches), charts, [table]))
            everywhere += reaches
    files: dict[str, Table] = {}
    if everywhere:
        files = {"reach": reach_table(everywhere), "reach_layers": layer_table(everywhere)}
    return Section(blocks, files, problems)


def sentences(reaches: Sequence[Reach]) -> list[str]:
    """The answer: mean attention distances, and what the centre depends on."""
    mentioned = list(reaches)
    if len(reaches) > MOST_MENTIONED:
        mentioned = [reaches[0], *(reach for reach in reaches[1:-1] if reach.variant.is_baseline), reaches[-1]]
    by_depth = len(mentioned) <= MOST_BY_DEPTH
    distances = [
        f"{mean_and_sd(reach.overall)} with {reach.variant.name} ({_details(reach.distance, by_depth)})"
        for reach in mentioned
    ]
    alike = _if_even([reach.even_distance for reach in reaches], "if all tokens were read alike")
    tokens = f"Mean attention distance, in tokens: {joined(distances)}{alike}."
    with_fields = [reach for reach in mentioned if reach.fields]
    if not with_fields:
        return [tokens]
    radii = [f"{mean_and_sd(reach.radius[-1])} pixels with {reach.variant.name}" for reach in with_fields]
    alike = _if_even([reach.even_radius for reach in with_fields], "if it depended on all pixels alike")
    return [tokens, f"Radius of the effective receptive field after the last layer: {joined(radii)}{alike}."]


def _details(distance: Sequence[Estimate], by_depth: bool) -> str:
    seeds = count(distance[0].n, "seed")
    if not by_depth or len(distance) < 2:
        return seeds
    return f"{distance[0].mean:.2f} in the first layer, {distance[-1].mean:.2f} in the last; {seeds}"


def _if_even(values: Sequence[float | None], condition: str) -> str:
    """Nothing where the variants do not share it."""
    texts = {f"{value:.2f}" for value in values}
    return f"; it would be {min(texts)} {condition}" if len(texts) == 1 else ""


def mean_and_sd(point: Estimate, scale: float = 1) -> str:
    """2.86 ± 0.01."""
    return f"{scale * point.mean:.2f}" + (f" ± {scale * point.sd:.2f}" if point.sd is not None else "")


def reach_charts(reaches: Sequence[Reach], style: Mapping[str, Style]) -> list[Chart]:
    """Distance by layer; folded radius by layer, the share of the mass within r tokens, and receptive fields."""
    if not reaches:
        return []
    deepest = max(len(reach.distance) for reach in reaches)
    with_fields = [reach for reach in reaches if reach.fields]
    charts = [
        _by_layer(
            "reach-distance",
            "Mean attention distance by layer",
            "Mean distance of the tokens that a token reads, weighted by the size of the weights: for attention as "
            f"Dosovitskiy et al. (2021) define it, for other mixers of their matrix. {SPREAD}",
            "mean attention distance (tokens)",
            [row for reach in reaches for row in layer_rows(reach.variant.name, reach.distance)],
            _shared(reach.even_distance for reach in reaches),
            style,
        )
    ]
    if with_fields:
        charts.append(
            _by_layer(
                "reach-radius",
                "Radius of the effective receptive field by layer",
                "Mean distance of the central token's gradient from the centre (Luo et al. 2016): how far the "
                f"pixels are that it depends on. {SPREAD}",
                "radius of the effective receptive field (pixels)",
                [row for reach in with_fields for row in layer_rows(reach.variant.name, reach.radius)],
                _shared(reach.even_radius for reach in with_fields),
                style,
                folded=True,
            )
        )
    charts += [_within(reaches, index, style) for index in spread(deepest)]
    return [*charts, _pictures(with_fields)] if with_fields else charts


def spread(many: int) -> list[int]:
    """At most `MOST_LAYERS` of the places 0 to `many` - 1, evenly, with both ends."""
    return sorted({round(place) for place in np.linspace(0, many - 1, min(many, MOST_LAYERS))})


def layer_rows(name: str, estimates: Sequence[Estimate], start: int = 1, scale: float = 1) -> list[Mean]:
    """A row for each estimate, from `start` on; the band is a standard deviation to either side."""
    rows = []
    for place, point in enumerate(estimates, start):
        low, high = (None, None) if point.sd is None else (point.mean - point.sd, point.mean + point.sd)
        low, high = (None if end is None else scale * end for end in (low, high))
        rows.append(Mean(name, scale * point.mean, low, high, x=place))
    return rows


def _by_layer(
    slug: str,
    title: str,
    note: str,
    y_title: str,
    rows: list[Mean],
    level: float | None,
    style: Mapping[str, Style],
    folded: bool = False,
) -> Chart:
    if level is not None:
        rows = [*rows, *(Mean(ALL_ALIKE, level, x=place) for place in dict.fromkeys(row.x for row in rows))]
        note += DOTTED
    return _lines(slug, title, note, ("layer", y_title), rows, style, folded)


def _within(reaches: Sequence[Reach], index: int, style: Mapping[str, Style]) -> Chart:
    deep = [reach for reach in reaches if index < len(reach.within)]
    rows = [row for reach in deep for row in layer_rows(reach.variant.name, reach.within[index], start=0, scale=100)]
    even = _shared(tuple(reach.even) for reach in deep)
    if even is not None:
        rows += [Mean(ALL_ALIKE, 100 * share, x=r) for r, share in enumerate(even)]
    images = " to ".join(map(str, sorted({min(mass.num_images for mass in reach.masses) for reach in deep})))
    note = (
        "Of the weights' size, within r rows and r columns: what a kernel of side 2r+1 covers. Attention's is a mean "
        f"over heads and {images} test images. {SPREAD}{DOTTED * (even is not None)}"
    )
    title = f"Share of the weights within r tokens, layer {index + 1}"
    axes = ("r (tokens)", "share of the weights (%)")
    return _lines(f"reach-within-layer-{index + 1}", title, note if index == 0 else "", axes, rows, style, folded=True)


def _lines(
    slug: str,
    title: str,
    note: str,
    axes: tuple[str, str],
    rows: Sequence[Mean],
    style: Mapping[str, Style],
    folded: bool,
) -> Chart:
    looks = {**style, ALL_ALIKE: ALIKE}
    shown = {name: looks[name] for name in dict.fromkeys(row.variant for row in rows)}
    x = alt.X("x:Q", title=axes[0], scale=zoomable("x"), axis=alt.Axis(tickMinStep=1, grid=False, format="d"))
    y = partial(alt.Y, type="quantitative", title=axes[1], scale=zoomable("y"))
    layers = line_with_band(rows, x, y, shown)
    live = [read_out(rows, axes[0], shown, ".2f")]
    return Chart(slug, title, note, layers, 220, shown, zoom=("x",), live=live, folded=folded)


def _pictures(reaches: Sequence[Reach]) -> Chart:
    note = (
        "What the central token depends on: the gradient's size at every pixel, mean over seeds and images; the square "
        "root, each picture on its own scale. The radius is that of the last layer."
    )
    rows, names, columns = [], [], max(len(reach.pictures) for reach in reaches)
    for reach in reaches:
        last, pictures = reach.radius[-1], np.sqrt(reach.pictures)
        names.append(f"{reach.variant.name}: radius {mean_and_sd(last)} px, {count(last.n, 'seed')}")
        rows += [
            PictureRow(reach.variant.name, names[-1], f"layer {index + 1}", address(pictures[index]))
            for index in spread(len(pictures))
        ]
    side = min(360 / min(columns, MOST_LAYERS), 120)
    layers = [f"layer {index + 1}" for index in range(columns)]
    axis = alt.Axis(orient="top", grid=False, labelAngle=0)
    drawn = plot(rows).mark_image(width=side - 6, height=side - 6, yOffset=10)
    encoded = drawn.encode(
        alt.X("layer:N", sort=layers, title=None, axis=axis, scale=alt.Scale(type="band")),
        rows_of(names, "row", above=side / 2 - 8),
        url="address:N",
        tooltip=tips("variant:N", "layer:N"),
    )
    height = 34 + (side + 22) * len(reaches)
    return Chart("reach-fields", "Effective receptive field by layer", note, [encoded], height, folded=True)


def _shared(values: Iterable[Any]) -> Any:
    """What all of them are; None where they differ."""
    different = set(values)
    return different.pop() if len(different) == 1 else None


def reach_table(reaches: Sequence[Reach]) -> Table[Reach]:
    """Over all layers, in the first and in the last one."""
    columns: list[Column[Reach]] = [
        words("Variant", "variant", lambda reach: reach.variant.name),
        raw_only("data", lambda reach: reach.variant.setting),
        number("n", "n", lambda reach: reach.overall.n, str),
        _estimate_column("Distance, tokens", "distance_tokens", lambda reach: reach.overall),
        _estimate_column("First layer", "first_layer_distance_tokens", lambda reach: reach.distance[0]),
        _estimate_column("Last layer", "last_layer_distance_tokens", lambda reach: reach.distance[-1]),
        number("If all tokens alike", "alike_distance_tokens", lambda reach: reach.even_distance, "{:.2f}".format),
        _estimate_column("Radius, pixels", "radius_pixels", lambda reach: reach.radius[-1] if reach.fields else None),
        number("If all pixels alike", "alike_radius_pixels", lambda reach: reach.even_radius, "{:.2f}".format),
    ]
    return Table(columns, reaches, [DEFINITION])


@dataclass(frozen=True)
class Layer:
    """Of one variant; `number` counts from 1. `within` are shares of the mass by r."""

    reach: Reach
    number: int
    distance: Estimate
    radius: Estimate | None
    within: Sequence[Estimate]


def layer_table(reaches: Sequence[Reach]) -> Table[Layer]:
    """With the share of the mass within every r, empty beyond the grid."""
    columns: list[Column[Layer]] = [
        words("Variant", "variant", lambda layer: layer.reach.variant.name),
        raw_only("data", lambda layer: layer.reach.variant.setting),
        number("Layer", "layer", lambda layer: layer.number, str),
        number("n", "n", lambda layer: layer.distance.n, str),
        _estimate_column("Distance, tokens", "distance_tokens", lambda layer: layer.distance),
        _estimate_column("Radius, pixels", "radius_pixels", lambda layer: layer.radius),
    ]
    for r in range(max(len(reach.even) for reach in reaches)):
        share = partial(_within_r, r=r)
        columns.append(_estimate_column(f"Within {r}, %", f"within_{r}_percent", share, scale=100))
    rows = [
        Layer(reach, index + 1, distance, reach.radius[index] if reach.fields else None, reach.within[index])
        for reach in reaches
        for index, distance in enumerate(reach.distance)
    ]
    return Table(columns, rows, [DEFINITION])


def _within_r(layer: Layer, r: int) -> Estimate | None:
    return layer.within[r] if r < len(layer.within) else None


def _estimate_column(title: str, name: str, of: Callable[[Any], Estimate | None], scale: float = 1) -> Column[Any]:
    def raw(key: str) -> Callable[[Any], float | None]:
        def value(row: object) -> float | None:
            number = getattr(of(row), key, None)
            return None if number is None else round(scale * number, DECIMALS)

        return value

    def text(row: object) -> str:
        point = of(row)
        return "" if point is None else mean_and_sd(point, scale)

    return Column(title, text, {name: raw("mean"), f"{name}_sd": raw("sd")})
