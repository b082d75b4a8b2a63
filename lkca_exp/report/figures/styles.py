"""How a variant is drawn and described, the same in all figures and tables.

Colours are Paul Tol's "vibrant" scheme, told apart with colour-blind eyes on light and dark paper; past the last colour
the line and the shape of the points change.
"""

from __future__ import annotations

from collections.abc import Iterable

from lkca_exp.report.compare.aggregate import Setting, Summary, Variant
from lkca_exp.report.compare.names import in_order
from lkca_exp.report.figures.model import Style
from lkca_exp.report.formats import count

COLOURS = ("#0077bb", "#ee7733", "#009988", "#ee3377", "#33bbee", "#cc3311", "#999999")
LOOKS = (("", "circle"), ("6 4", "square"), ("2 3", "triangle"), ("7 3 2 3", "diamond"))
MOST_DRAWN = 12
"""More lines than this cannot be told apart: the best are drawn, and the baseline."""
WIDE = 8.0
"""A ratio of largest to smallest from which an axis is logarithmic."""


def styles(summary: Summary, more: Iterable[str] = ()) -> dict[str, Style]:
    """Name -> style: those drawn first, then the other variants; then `more` names, none in the baseline's colour, as
    they are drawn beside it."""
    drawn = [variant for setting in summary.settings for variant in in_figures(setting)]
    drawn.sort(key=lambda variant: (not variant.is_baseline, in_order(variant.name)))
    names = dict.fromkeys(variant.name for variant in [*drawn, *summary.variants])
    after = -(-len(names) // len(COLOURS)) * len(COLOURS) + 1
    others = enumerate((name for name in dict.fromkeys(more) if name not in names), after)
    return {name: _style(index) for index, name in [*enumerate(names), *others]}


def in_figures(setting: Setting) -> list[Variant]:
    """The variants that figures show, best first, the baseline always."""
    best = [variant for variant in setting.variants if not variant.is_baseline]
    kept = set(map(id, best[: MOST_DRAWN - 1]))
    return [variant for variant in setting.variants if variant.is_baseline or id(variant) in kept]


def interval(variant: Variant) -> tuple[float, float | None, float | None]:
    """Mean and interval of a variant that has one, in the unit of the axis."""
    score, metric = variant.score, variant.metric
    assert score is not None, "only variants with a mean are drawn"
    if score.low is None or score.high is None:
        return metric.scale * score.mean, None, None
    low, high = metric.bounds(score.low, score.high)
    return metric.scale * score.mean, metric.scale * low, metric.scale * high


def describe_point(variant: Variant) -> str:
    """The numbers behind a point."""
    score, metric = variant.score, variant.metric
    assert score is not None, "only variants with a mean are drawn"
    bounds = f", 95 % CI {metric.interval(score)}" if score.low is not None else ""
    return f"{variant.name}: {metric.mean_and_sd(score)} ({count(score.n, 'seed')}){bounds}"


def _style(index: int) -> Style:
    dash, shape = LOOKS[index // len(COLOURS) % len(LOOKS)]
    return Style(COLOURS[index % len(COLOURS)], dash, shape)
