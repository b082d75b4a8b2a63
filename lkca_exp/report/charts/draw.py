"""Charts as SVG and PDF for a paper, and for the page: a drawing that needs no script, and what the script draws."""

from __future__ import annotations

import html
import json
import re
from functools import lru_cache

from lkca_exp.report.charts.chart import Chart
from lkca_exp.report.charts.theme import config, on_page
from lkca_exp.report.formats import printable

WIDTH = 378  # pixels
POINTS_PER_PIXEL = 2 / 3
"""Of a file: a paper's column of 252 points, with letters of 8 points."""
LEGEND_ROW, LEGEND_GAP = 14, 16  # pixels
LONGEST_IN_TWO_COLUMNS = 22  # characters
SIZE = re.compile(r'width="([\d.]+)" height="([\d.]+)" viewBox="0 0 [\d.]+ [\d.]+"')


def svg(chart: Chart) -> str:
    """A file that stands alone: on white ground, with its title for those who cannot see it, and a legend."""
    drawn = _sized(chart, "pt")
    label = html.escape(printable(chart.title))
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1).replace(
        ">", f"><title>{label}</title>", 1
    )


def pdf(chart: Chart) -> bytes:
    """The same, one page as large as the chart."""
    import vl_convert

    return vl_convert.svg_to_pdf(_sized(chart, ""))


def inline(chart: Chart) -> str:
    """The same drawing for the page, in its colours, and without the legend below it if the page has one."""
    height = chart.height + (_legend_height(chart) if chart.legend == "always" else 0)
    size = f'width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}"'
    return on_page(SIZE.sub(size, _drawn(_still(chart)), count=1))


def specification(chart: Chart) -> str:
    """JSON for the page's script: Vega-Lite with what the pointer does, but without a size."""
    spec = chart.lively | {"config": config(chart.legend == "always")}
    return on_page(json.dumps(spec, separators=(",", ":"))).replace("<", "\\u003c")


@lru_cache(maxsize=1)
def script() -> str:
    """Vega, Vega-Lite and Vega-Embed for a page that has no network."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _columns(chart: Chart) -> int:
    return 1 if any(len(name) > LONGEST_IN_TWO_COLUMNS for name in chart.style) else 2


def _legend_height(chart: Chart) -> int:
    if chart.legend == "never" or not chart.style:
        return 0
    return LEGEND_ROW * -(-len(chart.style) // _columns(chart)) + LEGEND_GAP


def _still(chart: Chart) -> str:
    theme = config(chart.legend != "never")
    theme["legend"]["columns"] = _columns(chart)
    size = {"width": WIDTH, "height": chart.height + _legend_height(chart)}
    return json.dumps(chart.still | size | {"config": theme})


@lru_cache(maxsize=512)
def _drawn(spec: str) -> str:
    """SVG; that of a page that renews itself is mostly there already."""
    import vl_convert

    return vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])


def _sized(chart: Chart, unit: str) -> str:
    """A drawing as wide as a paper's column, in place of its pixels."""

    def points(found: re.Match[str]) -> str:
        width, height = (f"{float(pixels) * POINTS_PER_PIXEL:g}{unit}" for pixels in found.groups())
        return f'width="{width}" height="{height}" viewBox="0 0 {found[1]} {found[2]}"'

    return SIZE.sub(points, _drawn(_still(chart)), count=1)
