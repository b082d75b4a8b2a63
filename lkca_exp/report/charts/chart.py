"""A chart: typed rows and the marks that show them, made by Altair; `theme.py` has its looks and `draw.py` draws it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import altair as alt

from lkca_exp.report.charts.style import Style
from lkca_exp.report.charts.theme import QUIET
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.variant import Variant
from lkca_exp.report.formats import count, printable

SHOWN = "indexof(hidden, datum.variant) < 0"
OF_THE_WHOLE = ("$schema", "config", "datasets")
"""Parts of a specification that its layers do not have."""
WIDE = 8.0
"""A ratio of largest to smallest from which an axis is logarithmic."""


@dataclass(frozen=True)
class Chart:
    """`slug` names its file. `height` is in pixels where the width is `draw.WIDTH`; `style` has the names in it.
    `live` are layers for the pointer. Charts of one page that share an `x_axis` are zoomed together; `units` are
    other ones that it can be read in: title -> name -> what one of the axis' own unit is worth."""

    slug: str
    title: str
    note: str
    layers: Sequence[alt.Chart] = field(repr=False)
    height: float = 240
    style: Mapping[str, Style] = field(default_factory=dict)
    legend: Literal["file", "always", "never"] = "file"
    """Where the chart has a legend of its own: in a file only, as the page has one for all, or on the page as well."""
    zoom: tuple[Literal["x", "y"], ...] = ()
    """The axes along which the reader can zoom: "x", "y"; both are fields of the last layer."""
    live: Sequence[alt.Chart] = field(default=(), repr=False)
    x_axis: str = ""
    units: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    folded: bool = False

    @cached_property
    def still(self) -> dict[str, Any]:
        """Vega-Lite of the layers, without size and theme. All parameters but the `names` are set by the reader."""
        start = {"hidden": [], "x_zoom": None, "y_zoom": None, "names": [printable(name) for name in self.style]}
        params = [{"name": name, "value": value} for name, value in start.items()]
        return _layered(self._layers) | {"params": params, "autosize": {"type": "fit", "contains": "padding"}}

    @cached_property
    def lively(self) -> dict[str, Any]:
        """The same with what answers the pointer."""
        live = _layered([*self._layers, *map(_as_dict, self.live)])
        if self.zoom:
            brush = {"name": "brush", "select": {"type": "interval", "encodings": [*self.zoom]}}
            live["layer"][len(self.layers) - 1]["params"] = [brush]
        return self.still | live

    @cached_property
    def _layers(self) -> list[dict[str, Any]]:
        return [*map(_as_dict, self.layers)]


@dataclass(frozen=True)
class Mean:
    """A mean over seeds in the unit of the axis, with the ends of its interval or band if it has one, and its place `x`
    if the chart has one. `text` tells it under the pointer. `variant` may be another name of the legend."""

    variant: str
    mean: float
    low: float | None = None
    high: float | None = None
    text: str | None = None
    x: float | None = None


def mean_of(variant: Variant, x: float | None = None) -> Mean:
    """A variant's, with its confidence interval."""
    score, metric = variant.score, variant.metric
    assert score is not None, "only variants with a mean are drawn"
    text = f"{metric.mean_and_sd(score)} ({count(score.n, 'seed')})"
    if score.low is None or score.high is None:
        return Mean(variant.name, metric.scale * score.mean, None, None, text, x)
    low, high = (metric.scale * end for end in metric.bounds(score.low, score.high))
    return Mean(variant.name, metric.scale * score.mean, low, high, f"{text}, 95 % CI {metric.interval(score)}", x)


def plot(rows: Iterable[object], x: str = "", y: str = "") -> alt.Chart:
    """Instances of a dataclass with the field `variant` as the data of a layer, without variants that the reader hides
    and what is beyond the zoom along the fields `x` and `y`."""
    data = alt.InlineData(values=json.dumps([_compact(row) for row in rows]))  # text, as Altair copies lists often
    tests = [
        f"({axis}_zoom == null || inrange(datum.{name}, {axis}_zoom))" for axis, name in (("x", x), ("y", y)) if name
    ]
    return alt.Chart(data).transform_filter(" && ".join([SHOWN, *tests]))


def zoomable(axis: str, *, log: bool = False, **options: Any) -> alt.Scale:
    """A scale of numbers along `axis` ("x" or "y") that the reader can narrow by dragging."""
    kind = {"type": "log"} if log else {"zero": False}
    return alt.Scale(domainRaw=alt.ExprRef(f"{axis}_zoom"), nice=False, padding=10, **kind, **options)


def coloured(style: Mapping[str, Style], *channels: str) -> dict[str, Any]:
    """Encodings of the field `variant`: colour, and of `channels` "shape" or "strokeDash". They make the legend."""
    return _styled(style, ["color", *channels], alt.Undefined)


def unnamed(style: Mapping[str, Style], *channels: str) -> dict[str, Any]:
    """The same for `channels` alone, "fill" as well, without a part in the legend: its points would be outlined in
    dashes, and its lines be covered by spots."""
    return _styled(style, channels, None)


def _styled(style: Mapping[str, Style], channels: Iterable[str], legend: Any) -> dict[str, Any]:
    names, looks = [printable(name) for name in style], style.values()
    colours = [look.colour for look in looks]
    ranges: dict[str, list[Any]] = {
        "color": colours,
        "fill": colours,
        "shape": [look.shape for look in looks],
        "strokeDash": [look.dash for look in looks],
    }
    kinds = {"color": alt.Color, "fill": alt.Fill, "shape": alt.Shape, "strokeDash": alt.StrokeDash}
    return {
        channel: kinds[channel](
            "variant:N", title=None, scale=alt.Scale(domain=names, range=ranges[channel]), legend=legend
        )
        for channel in channels
    }


def line_with_band(
    rows: Sequence[Mean], x: alt.X, y: Callable[..., alt.Y], style: Mapping[str, Style]
) -> list[alt.Chart]:
    """A line through the means of each variant over a band, and points where a variant has one row only."""
    times = Counter(row.variant for row in rows)
    band = plot([row for row in rows if row.low is not None], "x").mark_area()
    single = plot([row for row in rows if times[row.variant] == 1], "x").mark_point()
    return [
        band.encode(x, y("low"), y2=alt.Y2("high:Q"), **unnamed(style, "fill")),
        single.encode(x, y("mean"), **unnamed(style, "fill", "shape")),
        plot(rows, "x").mark_line().encode(x, y("mean"), **coloured(style, "strokeDash")),
    ]


def points_with_bars(
    rows: Sequence[Mean], x: alt.X, y: Callable[..., alt.Y], style: Mapping[str, Style], more: Sequence[alt.Tooltip]
) -> list[alt.Chart]:
    bars = plot([row for row in rows if row.low is not None], "x", "mean").mark_rule(clip=True)
    points = plot(rows, "x", "mean").mark_point(size=80)
    return [
        bars.encode(x, y("low"), y2=alt.Y2("high:Q"), **coloured(style)),
        points.encode(x, y("mean"), tooltip=[*tips("variant:N", "text:N"), *more], **coloured(style, "shape")),
    ]


def tips(*fields: str) -> list[alt.Tooltip]:
    """What the pointer is told of a mark: fields by name and type, as "text:N". Channels are objects in all charts:
    Altair takes milliseconds to make one of a text."""
    return [alt.Tooltip(field) for field in fields]


def rows_of(names: Sequence[str], field: str = "variant", above: float | None = 11) -> alt.Y:
    """An axis of names read downwards, each written inside the chart `above` the middle of its row, or beside it."""
    axis = alt.Axis(grid=False, labelOverlap=False)
    if above is not None:
        axis.labelAlign, axis.labelBaseline, axis.labelPadding, axis.labelOffset = "left", "bottom", -2, -above
    return alt.Y(field, type="nominal", sort=[printable(name) for name in names], title=None, axis=axis)


def read_out(rows: Iterable[Mean], title: str, style: Mapping[str, Style], decimals: str) -> alt.Chart:
    """A layer of `live`: a line at the place under the pointer, and beside it the mean of every variant there."""
    nearest = alt.selection_point(
        name="near", fields=["x"], nearest=True, on="pointermove", clear="pointerout", empty=False
    )
    values = [
        alt.Tooltip(field=f"of{index}", type="quantitative", title=name, format=decimals)
        for index, name in enumerate(map(printable, style))
    ]
    return (
        plot(rows, "x")
        .transform_calculate(key="'of' + indexof(names, datum.variant)")
        .transform_pivot("key", value="mean", groupby=["x"])
        .mark_rule(color=QUIET, strokeWidth=1)
        .encode(
            alt.X("x:Q"),
            opacity=alt.OpacityValue(0, condition={"param": nearest.name, "empty": False, "value": 0.5}),
            tooltip=[alt.Tooltip("x:Q", title=title), *values],
        )
        .add_params(nearest)
    )


def axis_title(metric: Metric) -> str:
    return metric.full_name + (" (%)" if metric.is_fraction else "")


def _as_dict(layer: alt.Chart) -> dict[str, Any]:
    """Vega-Lite of a chart that is one layer."""
    return layer.to_dict(validate=False)


def _layered(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Layers in one specification, with the rows of each once: rows0, rows1, ..., so that charts of one kind differ in
    their rows only."""
    datasets = {name: rows for layer in layers for name, rows in layer["datasets"].items()}
    names = {name: f"rows{place}" for place, name in enumerate(datasets)}
    without_legend = {
        channel
        for layer in layers
        for channel, encoding in layer["encoding"].items()
        if isinstance(encoding, dict) and encoding.get("legend", "") is None
    }
    return {
        "$schema": alt.SCHEMA_URL,
        "datasets": {names[name]: json.loads(rows) for name, rows in datasets.items()},
        "layer": [
            {key: part for key, part in layer.items() if key not in OF_THE_WHOLE}
            | {"data": layer["data"] | {"name": names[layer["data"]["name"]]}}
            for layer in layers
        ],
        "resolve": {"legend": dict.fromkeys(sorted(without_legend), "independent")},
    }


def titled(name: str, stamps: Iterable[str] = ()) -> str:
    """A title that begins with a capital, with the stamps of numbers that chose their own epoch."""
    return ", ".join([f"{name[0].upper()}{name[1:]}", *sorted(set(stamps) - {""})])


def _compact(row: object) -> dict[str, Any]:
    """Six digits are more than a chart shows; what is missing is left out."""
    return {name: _short(value) for name, value in vars(row).items() if value is not None}


def _short(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return printable(value) if isinstance(value, str) else value
