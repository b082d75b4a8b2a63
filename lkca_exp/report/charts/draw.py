"""Charts as SVG and PDF for a paper, and for the page: a drawing that needs no script, and what the script draws."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from lkca_exp.report.charts.chart import Chart
from lkca_exp.report.charts.theme import PAGE_COLOURS, config, on_page
from lkca_exp.report.formats import printable

WIDTH = 378  # pixels
POINTS_PER_PIXEL = 2 / 3
"""Of a file: a paper's column of 252 points, with letters of 8 points."""
LEGEND_ROW, LEGEND_GAP = 14, 16  # pixels
LONGEST_IN_TWO_COLUMNS = 22  # characters
INLINE = re.compile(r'<svg [^>]*data-made-of="([0-9a-f]+)".*?</svg>', re.DOTALL)
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


def inline(chart: Chart, before: Mapping[str, str] | None = None) -> str:
    """The same drawing for the page, in its colours, and without the legend below it if the page has one. It is that
    of an earlier page if `before` (from `drawn_in`) has it."""
    height = chart.height + (_legend_height(chart) if chart.legend == "always" else 0)
    size = f'width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}"'
    made_of = json.dumps([version("vl-convert-python"), PAGE_COLOURS, size, _still(chart)])
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:20]
    if before and digest in before:
        return before[digest]
    return on_page(SIZE.sub(f'data-made-of="{digest}" {size}', _drawn(chart), count=1))


def drawn_in(page: str) -> dict[str, str]:
    """The drawings of an earlier page, by the digest of what they were made of."""
    return {found[1]: found[0] for found in INLINE.finditer(page)}


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


def _still(chart: Chart) -> dict[str, Any]:
    theme = config(chart.legend != "never")
    theme["legend"]["columns"] = _columns(chart)
    size = {"width": WIDTH, "height": chart.height + _legend_height(chart)}
    return chart.still | size | {"config": theme}


def _drawn(chart: Chart) -> str:
    spec = _still(chart)
    empty: dict[str, list[Any]] = {name: [] for name in spec["datasets"]}
    return _svg(json.dumps(spec | {"datasets": empty}), json.dumps(spec["datasets"]))


@lru_cache(maxsize=512)
def _svg(spec: str, datasets: str) -> str:
    """Of Vega-Lite without rows, and the rows; that of a page that renews itself is mostly there already."""
    import vl_convert

    vega, rows = json.loads(_compiled(spec)), json.loads(datasets)
    for data in vega["data"]:
        if data["name"] in rows:
            data["values"] = rows[data["name"]]
    return vl_convert.vega_to_svg(vega, allowed_base_urls=[])


@lru_cache(maxsize=64)
def _compiled(spec: str) -> str:
    """Vega, which is the same for all charts of one kind."""
    import vl_convert

    return json.dumps(vl_convert.vegalite_to_vega(spec))


def _sized(chart: Chart, unit: str) -> str:
    """A drawing as wide as a paper's column, in place of its pixels."""

    def points(found: re.Match[str]) -> str:
        width, height = (f"{float(pixels) * POINTS_PER_PIXEL:g}{unit}" for pixels in found.groups())
        return f'width="{width}" height="{height}" viewBox="0 0 {found[1]} {found[2]}"'

    return SIZE.sub(points, _drawn(chart), count=1)
