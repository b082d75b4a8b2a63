"""How a variant is drawn, the same in all charts and tables.

Colours are those of Paul Tol's "vibrant" scheme, which colour-blind eyes tell apart on light and dark paper; past the
last colour the line and the shape of the points change. The baseline is drawn in the colour of text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lkca_exp.report.charts.theme import INK
from lkca_exp.report.compare.names import in_order
from lkca_exp.report.compare.variant import Setting, Summary, Variant

COLOURS = ("#0077bb", "#ee7733", "#009988", "#ee3377", "#33bbee", "#cc3311")
LOOKS = (((1, 0), "circle"), ((6, 4), "square"), ((2, 3), "triangle-up"), ((7, 3, 2, 3), "diamond"))
MOST_DRAWN = 12
"""More lines than this cannot be told apart: the best are drawn, and the baseline."""
OUTLINES = {
    "circle": "M15.5 6a3.5 3.5 0 1 0-7 0a3.5 3.5 0 1 0 7 0z",
    "square": "M8.5 2.5h7v7h-7z",
    "triangle-up": "M12 1.8l3.9 7.7h-7.8z",
    "diamond": "M12 1.5l4.5 4.5l-4.5 4.5l-4.5-4.5z",
}


@dataclass(frozen=True)
class Style:
    """`dash` is lengths of line and gap in turn; `shape` is Vega's name for that of the points."""

    colour: str
    dash: tuple[int, ...] = (1, 0)
    shape: str = "circle"


BASELINE = Style(INK, (4, 2), "diamond")


def styles(summary: Summary, more: Iterable[str] = ()) -> dict[str, Style]:
    """Name -> style: the baselines, the other variants that are drawn, those that are not, and `more` names."""
    drawn = [variant for setting in summary.settings for variant in in_charts(setting)]
    drawn.sort(key=lambda variant: (not variant.is_baseline, in_order(variant.name)))
    names = dict.fromkeys([*(variant.name for variant in [*drawn, *summary.variants]), *more])
    first = 1 if drawn and drawn[0].is_baseline else 0
    return {name: BASELINE if index < first else _style(index - first) for index, name in enumerate(names)}


def in_charts(setting: Setting) -> list[Variant]:
    """The variants that charts show, best first, the baseline always."""
    best = [variant for variant in setting.variants if not variant.is_baseline]
    kept = set(map(id, best[: MOST_DRAWN - 1]))
    return [variant for variant in setting.variants if variant.is_baseline or id(variant) in kept]


def swatch(style: Style) -> str:
    """A short piece of a variant's line with its point as SVG, for legends and tables."""
    dash = ",".join(map(str, style.dash))
    return (
        '<svg class="swatch" width="24" height="12" aria-hidden="true">'
        f'<path d="M1 6h22" stroke="{style.colour}" stroke-width="2.5" stroke-dasharray="{dash}"/>'
        f'<path d="{OUTLINES[style.shape]}" fill="{style.colour}"/></svg>'
    )


def _style(index: int) -> Style:
    dash, shape = LOOKS[index // len(COLOURS) % len(LOOKS)]
    return Style(COLOURS[index % len(COLOURS)], dash, shape)
