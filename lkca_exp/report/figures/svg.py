"""Figures as SVG: in the page, where its style sheet colours text and grid, and as files for a paper."""

from __future__ import annotations

from lkca_exp.report.figures.heatmap import draw_heatmap
from lkca_exp.report.figures.model import Figure, Heatmap, Plot, Style, Tiles
from lkca_exp.report.figures.plot import draw_plot
from lkca_exp.report.figures.shapes import WIDTH, escape, px, shape, stroke
from lkca_exp.report.figures.tiles import draw_tiles

STYLE = """
text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #3c444d; }
.grid { stroke: #e3e6ea; } .front { stroke: #8a929c; } .cell { fill: #0077bb; }
.halo { paint-order: stroke; stroke: #fff; stroke-width: 3px; } .onfull { fill: #fff; } .ink { fill: #1b1f24; }
.pixels { image-rendering: pixelated; }
"""
"""Of a file that stands alone; on the page the page's style sheet has the same classes."""


def svg(figure: Figure, *, alone: bool = False) -> str:
    """The drawing. One that stands `alone` brings its colours, its title and a legend."""
    body, height = _draw(figure, alone)
    label = escape(figure.title)
    size = f'viewBox="0 0 {WIDTH:g} {px(height)}"'
    if not alone:
        return f'<svg class="plot" {size} role="img" aria-label="{label}">{body}</svg>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} width="{WIDTH:g}" height="{px(height)}">'
        f"<title>{label}</title><style>{STYLE}</style>{body}</svg>\n"
    )


def _draw(figure: Figure, alone: bool) -> tuple[str, float]:
    match figure:
        case Plot():
            return draw_plot(figure, alone)
        case Heatmap():
            return draw_heatmap(figure)
        case Tiles():
            return draw_tiles(figure)


def swatch(style: Style) -> str:
    """A short piece of a variant's line with its point, for legends and tables."""
    line = f'<line x1="1" y1="6" x2="23" y2="6" {stroke(style)} stroke-width="2.5"/>'
    return f'<svg class="swatch" width="24" height="12" aria-hidden="true">{line}{shape(style, 12, 6, 3.5)}</svg>'
