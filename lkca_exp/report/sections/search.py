"""A search: trials that are compared by the objective on validation, so that the best can be trained anew and tested.

What a key is worth is judged by main effects: the share of the variance of the objective that lies between the values
of the key (numbers of many values in up to four bins), adjusted for their number as R^2 is. Interactions are in no
key's share, and the shares of keys that a sampler moved together overlap.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import altair as alt
import numpy as np

from lkca_exp.report.charts.chart import WIDE, Chart, axis_title, coloured, plot, titled, zoomable
from lkca_exp.report.charts.style import COLOURS, Style
from lkca_exp.report.charts.theme import QUIET
from lkca_exp.report.compare.names import describe, show
from lkca_exp.report.compare.variant import Setting, Summary, Variant
from lkca_exp.report.formats import count
from lkca_exp.report.section import Block, Material, Section, TableBlock
from lkca_exp.report.tables.column import Column, Table, number, words

HEADING = "The search"
TRIAL, BEST = "trial", "best so far"
STYLE = {TRIAL: Style(COLOURS[0]), BEST: Style(QUIET, (1, 0), "square")}
MOST_SLICES = 6
"""More are folded."""
NUM_BINS, FEWEST_TRIALS = 4, 5
IMPORTANCE_NOTE = (
    "The share of the variance of the objective that each key explains alone (main effects; numbers in up to "
    f"{NUM_BINS} bins), adjusted for the number of its values. Interactions are in no share."
)


@dataclass(frozen=True)
class TrialRow:
    """A trial in a chart; `variant` is the name in the legend, `x` its number or the value of a key."""

    variant: str
    x: float | str
    mean: float
    text: str = ""


@dataclass(frozen=True)
class Importance:
    """The share of variance that a key explains, None of too few trials."""

    key: str
    num_values: int
    share: float | None


def section(material: Material) -> Section:
    """Nothing for runs that are no trials."""
    summary = material.summary
    if not summary.is_search:
        return Section()
    return Section([_block(setting, summary.shown) for setting in summary.settings if _trials(setting)])


def sentences(summary: Summary) -> list[str]:
    """The best trial of each setting by the objective."""
    return [_best_sentence(setting, summary) for setting in summary.settings]


def importances(trials: Sequence[Variant], keys: Sequence[str]) -> list[Importance]:
    """Of every key, the most important first."""
    values = {key: [trial.keys.get(key) for trial in trials] for key in keys}
    scores = np.array([_score(trial) for trial in trials])
    found = [Importance(key, len(set(map(_text, of_key))), explained(of_key, scores)) for key, of_key in values.items()]
    return sorted(found, key=lambda one: -(one.share or 0.0))


def explained(values: Sequence[Any], scores: np.ndarray) -> float | None:
    """The adjusted share, from 0 to 1, of the variance of (N,) scores between groups of N values; None where there are
    too few trials for the groups, or the scores do not vary."""
    groups = _groups(values)
    n, num_groups = len(scores), len(set(groups))
    total = float(((scores - scores.mean()) ** 2).sum())
    if n < FEWEST_TRIALS or num_groups >= n or not total:
        return None
    means = {group: scores[groups == group].mean() for group in set(groups)}
    within = sum(float((score - means[group]) ** 2) for score, group in zip(scores, groups, strict=True))
    return max(0.0, 1 - (within / (n - num_groups)) / (total / (n - 1)))


def _groups(values: Sequence[Any]) -> np.ndarray:
    """A number for each value: of its bin, where there are numbers of many values, else of the value."""
    texts = [_text(value) for value in values]
    if len(set(texts)) <= NUM_BINS or not all(_is_number(value) for value in values):
        return np.unique(texts, return_inverse=True)[1]
    inner = np.quantile(values, np.arange(1, NUM_BINS) / NUM_BINS)
    return np.searchsorted(inner, values)


def _block(setting: Setting, keys: Sequence[str]) -> Block:
    trials = _trials(setting)
    ranked = importances(trials, keys)
    slices = [_slice(trials, one.key, place >= MOST_SLICES) for place, one in enumerate(ranked)]
    table = TableBlock(_importance_table(ranked), "Importance", "Importance", IMPORTANCE_NOTE)
    return Block(HEADING, setting, charts=[_history(trials), *slices], tables=[table] if ranked else [])


def _trials(setting: Setting) -> list[Variant]:
    """Those with an objective, by their start."""
    scored = [variant for variant in setting.variants if variant.score]
    return sorted(scored, key=lambda variant: min(run.started for run in variant.runs))


def _score(trial: Variant) -> float:
    assert trial.score is not None, "only trials with an objective are compared"
    return trial.score.mean


def _best_sentence(setting: Setting, summary: Summary) -> str:
    trials = _trials(setting)
    if not trials:
        return f"No trial of the search on {setting.name} has finished yet."
    best = max(trials, key=lambda trial: trial.metric.better(_score(trial)))
    num_seeds = f" (mean of {len(best.counted)} seeds)" if len(best.counted) > 1 else ""
    return (
        f"Best of {count(len(trials), 'trial')} on {setting.name} by the objective, {best.metric.full_name}: "
        f"{describe(best.keys, summary.shown) or best.name} with {best.metric.text(_score(best))}"
        f"{' %' if best.metric.is_fraction else ''}{num_seeds}. The best of several owes something to chance. Test "
        "accuracies of trials are not shown: train the best anew with protocol=final, and test that."
    )


def _history(trials: Sequence[Variant]) -> Chart:
    metric = trials[0].metric
    scores = [metric.scale * _score(trial) for trial in trials]
    best = np.maximum.accumulate(scores) if metric.higher_is_better else np.minimum.accumulate(scores)
    rows = [TrialRow(TRIAL, place, score, trials[place - 1].name) for place, score in enumerate(scores, 1)]
    line = [TrialRow(BEST, place, float(score)) for place, score in enumerate(best, 1)]
    x = alt.X("x:Q", title="trial, by its start", scale=zoomable("x"), axis=alt.Axis(tickMinStep=1, grid=False))
    y = partial(alt.Y, "mean:Q", title=axis_title(metric), scale=zoomable("y"))
    step = plot(line, "x", "mean").mark_line(interpolate="step-after").encode(x, y(), **coloured(STYLE))
    points = (
        plot(rows, "x", "mean").mark_point().encode(x, y(), tooltip=_tips("x:Q", TRIAL), **coloured(STYLE, "shape"))
    )
    title = titled(f"history: {metric.full_name} of the trials")
    return Chart("search-history", title, "", [step, points], style=STYLE, zoom=("x", "y"))


def _slice(trials: Sequence[Variant], key: str, folded: bool) -> Chart:
    metric = trials[0].metric
    having = [trial for trial in trials if trial.keys.get(key) is not None]
    values = [trial.keys[key] for trial in having]
    numeric = bool(values) and all(_is_number(value) for value in values)
    rows = [
        TrialRow(TRIAL, value if numeric else _text(value), metric.scale * _score(trial), trial.name)
        for trial, value in zip(having, values, strict=True)
    ]
    y = alt.Y("mean:Q", title=axis_title(metric), scale=zoomable("y"))
    if numeric:
        log = min(values) > 0 and max(values) / min(values) >= WIDE
        x = alt.X("x:Q", title=key, scale=zoomable("x", log=log), axis=alt.Axis(grid=False))
    else:
        x = alt.X("x:N", title=key, axis=alt.Axis(grid=False, labelAngle=0, labelLimit=120))
    points = plot(rows, "x" if numeric else "", "mean").mark_point(opacity=0.8)
    layer = points.encode(
        x, y, tooltip=_tips("x:Q" if numeric else "x:N", key), **coloured({TRIAL: STYLE[TRIAL]}, "shape")
    )
    title = titled(f"{metric.full_name} by {key}")
    style = {TRIAL: STYLE[TRIAL]}
    zoom: tuple[Literal["x", "y"], ...] = ("x", "y") if numeric else ("y",)
    return Chart(f"search-{key}", title, "", [layer], style=style, legend="never", zoom=zoom, folded=folded)


def _tips(x: str, name: str) -> list[alt.Tooltip]:
    """What stands under the pointer; `x` is the field with its type."""
    return [
        alt.Tooltip("text:N"),
        alt.Tooltip("mean:Q", title="objective", format=".4~f"),
        alt.Tooltip(x, title=name),
    ]


def _importance_table(ranked: Sequence[Importance]) -> Table[Importance]:
    columns: list[Column[Importance]] = [
        words("Key", "key", lambda one: one.key),
        number("Values", "values", lambda one: one.num_values, str),
        number("Variance explained %", "variance_explained", lambda one: one.share, lambda share: f"{100 * share:.0f}"),
    ]
    return Table(columns, ranked)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return show(value) if isinstance(value, str | int | float | bool) else json.dumps(value, default=str)
