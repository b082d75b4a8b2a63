"""Curves and seeds as plotly figures, in plain dictionaries: the page draws them, nothing here needs plotly.

Colours are Paul Tol's "vibrant" scheme, told apart with colour-blind eyes on light and dark paper; past the last colour
the line style changes. A variant keeps its style in every figure. Text colours and backgrounds are left to the page.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lkca_exp.report.aggregate import Setting, Summary, Variant
from lkca_exp.report.formats import STAMP, printable
from lkca_exp.report.statistics import estimate

COLOURS = ("#0077bb", "#ee7733", "#009988", "#ee3377", "#33bbee", "#cc3311", "#999999")
DASHES = ("solid", "dash", "dot", "dashdot")
ACCURACIES = {"val/top1": "Validation top-1", "test/top1": "Test top-1", "train/top1": "Training top-1"}
EVALUATED = ("val/top1", "test/top1")
LONGEST_TICK = 24


@dataclass(frozen=True)
class Style:
    """How a variant is drawn."""

    colour: str
    dash: str


@dataclass(frozen=True)
class Figure:
    """`content` has plotly's `data` and `layout`. `title` and `note` are plain text."""

    title: str
    note: str
    content: dict[str, Any]


def styles(summary: Summary) -> dict[str, Style]:
    """Variant name -> style, the same for one name in all settings."""
    names = dict.fromkeys(variant.name for setting in summary.settings for variant in _in_order(setting))
    return {
        name: Style(COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)])
        for index, name in enumerate(names)
    }


def figures(setting: Setting, style: dict[str, Style]) -> list[Figure]:
    """Test accuracy seed by seed, then the learning curves that the runs recorded."""
    variants = [variant for variant in setting.variants if variant.counted]
    recorded = {key for variant in variants for run in variant.counted for row in run.curve.values() for key in row}
    evaluated = [key for key in EVALUATED if key in recorded]
    curves = evaluated or [key for key in ACCURACIES if key in recorded]
    found = [_seeds(variants, style)] if variants else []
    found += [_curves(variants, key, f"{ACCURACIES[key]} by epoch", 100, style) for key in curves]
    if "train/loss" in recorded:
        found.append(_curves(variants, "train/loss", "Training loss by epoch", 1, style))
    return found


def curve(variant: Variant, key: str) -> tuple[list[int], list[list[float]]]:
    """Epochs, counted from 1, that every run with this key has, and the values of the runs at each of them."""
    rows = [run.curve for run in variant.counted]
    having = [[epoch for epoch, row in curve.items() if key in row] for curve in rows]
    inside = [curve for curve, epochs in zip(rows, having, strict=True) if epochs]
    shared = sorted(set.intersection(*(set(epochs) for epochs in having if epochs))) if inside else []
    return [epoch + 1 for epoch in shared], [[curve[epoch][key] for curve in inside] for epoch in shared]


def plot_text(text: str) -> str:
    """Plotly reads names as HTML of its own: escape it, and the template marks of hover texts."""
    return html.escape(printable(text), quote=False).replace("%{", "%&#123;")


def _curves(variants: Sequence[Variant], key: str, title: str, scale: float, style: dict[str, Style]) -> Figure:
    unit, hover = ("%", "%{y:.2f} %") if scale == 100 else ("", "%{y:.4~g}")
    traces: list[dict[str, Any]] = []
    for variant in variants:
        epochs, values = curve(variant, key)
        if epochs:
            scaled = [[scale * value for value in row] for row in values]
            traces += _line_and_band(variant, epochs, scaled, style[variant.name], hover)
    stamp = f", {STAMP}" if key == "test/top1" and any(variant.selected_on_test for variant in variants) else ""
    training = " on augmented training batches" if key == "train/top1" else ""
    layout = _layout("epoch", unit) | {"hovermode": "x unified"}
    note = f"Mean over the finished seeds{training}; the band runs from the lowest to the highest seed."
    return Figure(title + stamp, note, {"data": traces, "layout": layout})


def _line_and_band(
    variant: Variant, epochs: list[int], values: list[list[float]], style: Style, hover: str
) -> list[dict[str, Any]]:
    name = plot_text(variant.name)
    shared = {"x": epochs, "type": "scatter", "mode": "lines", "name": name, "meta": variant.name, "showlegend": False}
    means = [_rounded(sum(row) / len(row)) for row in values]
    line = shared | {
        "y": means,
        "line": {"color": style.colour, "dash": style.dash, "width": 2},
        "hovertemplate": hover,
    }
    if all(len(row) == 1 for row in values):
        return [line]
    edge = shared | {"line": {"width": 0}, "hoverinfo": "skip"}
    low = edge | {"y": [_rounded(min(row)) for row in values]}
    high = edge | {"y": [_rounded(max(row)) for row in values], "fill": "tonexty", "fillcolor": style.colour + "2e"}
    return [low, high, line]


def _seeds(variants: Sequence[Variant], style: dict[str, Style]) -> Figure:
    """A dot a run, and the mean with its confidence interval."""
    ordered = list(reversed(variants))
    traces = [trace for row, variant in enumerate(ordered) for trace in _seed_row(variant, row, style[variant.name])]
    stamp = f", {STAMP}" if any(variant.selected_on_test for variant in variants) else ""
    layout = _layout("test top-1, %", "") | {"hovermode": "closest", "height": 130 + 42 * len(ordered)}
    names = [plot_text(_shortened(variant.name)) for variant in ordered]
    layout["yaxis"] |= {"tickvals": list(range(len(names))), "ticktext": names, "range": [-0.6, len(names) - 0.4]}
    note = "A dot is a run; the diamond and its bar are mean and 95 % confidence interval over seeds."
    return Figure(f"Test top-1, seed by seed{stamp}", note, {"data": traces, "layout": layout})


def _seed_row(variant: Variant, row: int, style: Style) -> list[dict[str, Any]]:
    by_seed = {seed: 100 * top1 for seed, top1 in variant.top1_by_seed.items()}
    found = estimate(list(by_seed.values()))
    shared = {"type": "scatter", "mode": "markers", "name": plot_text(variant.name), "meta": variant.name}
    dots = shared | {
        "x": [_rounded(value) for value in by_seed.values()],
        "y": [row + 0.18] * len(by_seed),
        "text": [f"seed {seed}" for seed in by_seed],
        "hovertemplate": "%{text}: %{x:.2f} %",
        "marker": {"color": style.colour, "size": 9, "opacity": 0.7},
    }
    mean: dict[str, Any] = shared | {
        "x": [_rounded(found.mean)],
        "y": [row - 0.14],
        "hovertemplate": "mean %{x:.2f} %",
        "marker": {"color": style.colour, "size": 10, "symbol": "diamond"},
    }
    if found.low is not None and found.high is not None:
        mean["error_x"] = _bar(found.mean, max(found.low, 0), min(found.high, 100)) | {"color": style.colour}
    return [dots, mean]


def _bar(mean: float, low: float, high: float) -> dict[str, Any]:
    ends = {"array": [_rounded(high - mean)], "arrayminus": [_rounded(mean - low)], "symmetric": False}
    return {"type": "data", "thickness": 2, "width": 5} | ends


def _layout(x_title: str, suffix: str) -> dict[str, Any]:
    """Transparent, so that the page's light and dark colours show; its style sheet colours text and grid."""
    axis = {"zeroline": False, "automargin": True}
    return {
        "height": 320,
        "margin": {"l": 12, "r": 12, "t": 8, "b": 12},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "font": {"size": 12},
        "xaxis": axis | {"title": {"text": x_title}, "spikethickness": 1},
        "yaxis": axis | {"ticksuffix": f" {suffix}" if suffix else ""},
    }


def _in_order(setting: Setting) -> list[Variant]:
    return sorted(setting.variants, key=lambda variant: (not variant.is_baseline, variant.name))


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_TICK else name[: LONGEST_TICK - 1] + "…"


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
