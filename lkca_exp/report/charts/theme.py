"""What all charts look like: Vega-Lite's configuration, in colours that the page's style sheet has names for."""

from __future__ import annotations

from typing import Any

FONT = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
FONT_SIZE = 12  # pixels
INK, QUIET, GRID, PAPER = "#1b1f24", "#5b6470", "#e3e6ea", "#ffffff"
CELL, ON_CELL = "#0077ba", "#fffffe"
PAGE_COLOURS = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    CELL: "var(--cell)",
    ON_CELL: "var(--onfull)",
}


def config(with_legend: bool) -> dict[str, Any]:
    """Titles of vertical axes stand above them, the legend below the chart."""
    text = {"labelFontSize": FONT_SIZE, "titleFontSize": FONT_SIZE, "labelColor": QUIET, "titleColor": QUIET}
    upright = {"titleAngle": 0, "titleAlign": "left", "titleBaseline": "bottom", "titleX": 0, "titleY": -8}
    return {
        "aria": False,  # a chart is one picture with a label
        "background": PAPER,
        "padding": {"left": 8, "right": 12, "top": 4, "bottom": 4},
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            **text,
            "titleFontWeight": "normal",
            "domain": False,
            "ticks": False,
            "labelPadding": 6,
            "gridColor": GRID,
            "labelLimit": 360,
            "labelOverlap": True,
        },
        "axisY": upright,
        "axisX": {"titlePadding": 6, "labelFlush": False, "tickCount": 6},
        "axisYQuantitative": {"tickCount": 5},
        "legend": {
            **text,
            "disable": not with_legend,
            "orient": "bottom",
            "direction": "vertical",
            "labelLimit": 340,
            "symbolSize": 80,  # of a line its length, squared: 9 pixels
            "symbolOpacity": 1,
            "rowPadding": 2,
            "columnPadding": 24,
        },
        "line": {"strokeWidth": 2},
        "rule": {"strokeWidth": 1.75},
        "area": {"opacity": 0.18},
        "point": {"filled": True, "size": 50, "opacity": 1},
        "text": {"fontSize": FONT_SIZE, "color": INK},
    }


def on_page(text: str) -> str:
    """A drawing or a specification in the colours of the page, which follow its light and dark."""
    for colour, name in PAGE_COLOURS.items():
        text = text.replace(f'"{colour}"', f'"{name}"')
    return text
