"""Charts as SVG and PDF for a paper, and for the page: a drawing that needs no script, and what the script draws."""

from __future__ import annotations

import html
import json
import re
from functools import lru_cache
from typing import Any

import altair as alt

from lkca_exp.report.charts.chart import Chart
from lkca_exp.report.charts.theme import config, on_page
from lkca_exp.report.formats import printable

WIDTH = 378  # pixels
POINTS_PER_PIXEL = 2 / 3
"""Of a file: a paper's column of 252 points, with letters of 8 points."""
LEGEND_ROW = 17  # pixels
LONGEST_IN_TWO_COLUMNS = 22  # characters
SIZE = re.compile(r'width="([\d.]+)" height="([\d.]+)" viewBox')


def svg(chart: Chart) -> str:
    """A file that stands alone: on white ground, with its title for those who cannot see it, and a legend."""
    drawn = _sized(_drawn(_text(chart, chart.legend != "never")), "pt")
    label = html.escape(printable(chart.title))
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1).replace(
        ">", f"><title>{label}</title>", 1
    )


def pdf(chart: Chart) -> bytes:
    """The same, one page as large as the chart."""
    import vl_convert

    return vl_convert.svg_to_pdf(_sized(_drawn(_text(chart, chart.legend != "never")), ""))


def inline(chart: Chart) -> str:
    """SVG for the page, in its colours, with the legend left to the page."""
    return on_page(_drawn(_text(chart, chart.legend == "always")))


def specification(chart: Chart) -> str:
    """JSON for the page's script: Vega-Lite with what the pointer does, but without a size."""
    *others, last = chart.layers
    if chart.zoom:
        last = last.add_params(alt.selection_interval(name="brush", encodings=[*chart.zoom]))
    spec = _spec(chart, [*others, last, *chart.live], chart.legend == "always")
    del spec["width"], spec["height"]
    return on_page(json.dumps(spec, separators=(",", ":"))).replace("<", "\\u003c")


@lru_cache(maxsize=1)
def script() -> str:
    """Vega, Vega-Lite and Vega-Embed for a page that has no network."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _text(chart: Chart, with_legend: bool) -> str:
    return json.dumps(_spec(chart, chart.layers, with_legend))


def _spec(chart: Chart, layers: Any, with_legend: bool) -> dict[str, Any]:
    spec = alt.layer(*layers).to_dict(validate=False)
    columns = 1 if any(len(name) > LONGEST_IN_TWO_COLUMNS for name in chart.style) else 2
    rows = -(-len(chart.style) // columns) if with_legend else 0
    zoom = [{"name": name, "value": None} for name in ("x_zoom", "y_zoom")]
    params = [{"name": "hidden", "value": []}, *zoom, *spec.get("params", [])]
    theme = config(with_legend)
    theme["legend"]["columns"] = columns
    size = {"width": WIDTH, "height": chart.height + LEGEND_ROW * rows}
    return spec | size | {"params": params, "autosize": {"type": "fit", "contains": "padding"}, "config": theme}


@lru_cache(maxsize=512)
def _drawn(spec: str) -> str:
    """SVG; that of a page that renews itself is mostly there already."""
    import vl_convert

    return vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])


def _sized(drawn: str, unit: str) -> str:
    """The size of a paper's column in place of that in pixels."""

    def points(found: re.Match[str]) -> str:
        width, height = (f"{float(pixels) * POINTS_PER_PIXEL:g}{unit}" for pixels in found.groups())
        return f'width="{width}" height="{height}" viewBox'

    return SIZE.sub(points, drawn, count=1)
