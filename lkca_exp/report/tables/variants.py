"""One row a variant: what it reaches, how that compares, what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from lkca_exp.report import formats
from lkca_exp.report.compare.answer import verdict
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.statistics import MOST_SEEDS, Difference, Estimate
from lkca_exp.report.compare.variant import Summary, Variant
from lkca_exp.report.tables.column import Column, Table, number, words

FURTHER = ("test/top1", "test/top5", "test/calibration_error")
FLOPS, AS_CONVOLUTION = "flops_per_image", "flops_per_image_as_convolution"
MARK = "*"
"""After a difference that the corrected test calls significant."""


def variant_table(summary: Summary) -> Table[Variant]:
    several = len(summary.settings) > 1
    protocols = {variant.protocol for variant in summary.variants}
    columns = [
        words("Variant", "variant", lambda v: v.name, rank=0),
        Column("Data", lambda v: v.setting if several else "", {"data": lambda v: v.setting}, numeric=False, rank=1),
        Column(
            "Protocol",
            lambda v: v.protocol if len(protocols) > 1 else "",
            {"protocol": lambda v: v.protocol},
            numeric=False,
            rank=4,
        ),
        number("n", "n", lambda v: len(v.counted), str, rank=1),
        *_score_columns(summary),
        *_difference_columns(summary),
        Column("Not counted", not_counted, {"runs": lambda v: len(v.runs)}, numeric=False, rank=3),
        *(replace(_metric_column(Metric(key)), extra=True) for key in _further(summary)),
        number("Parameters", "parameters", lambda v: v.constant("parameters"), formats.thousands, rank=2),
        number("MFLOPs", FLOPS, lambda v: v.constant(FLOPS), formats.mega),
        Column("as convolution", _as_convolution, {AS_CONVOLUTION: lambda v: v.constant(AS_CONVOLUTION)}, extra=True),
        _speed_column("Train images/s", "train_images_per_s", rank=2),
        replace(_speed_column("Test images/s", "test_images_per_s", rank=7), extra=True),
        number("Peak memory MB", "peak_bytes", lambda v: v.peak_bytes, formats.mega, rank=7, extra=True),
    ]
    return Table(columns, summary.variants, _remarks(summary))


def _further(summary: Summary) -> list[str]:
    """Keys of the other test metrics; none of a search, whose trials must not be chosen by test."""
    return [key for key in FURTHER if key != summary.metric.key and not summary.is_search]


def answer_table(summary: Summary) -> Table[Variant]:
    """What the sentences are about: every variant with its difference, the verdict, and its cost beside the
    baseline's."""
    several, metric = len(summary.settings) > 1, summary.metric
    baselines = {setting.name: setting.baseline for setting in summary.settings}

    def beside(key: Callable[[Variant], float | None]) -> Callable[[Variant], float | None]:
        def value(v: Variant) -> float | None:
            baseline = baselines[v.setting]
            ours, theirs = key(v), key(baseline) if baseline else None
            return ours / theirs if ours and theirs and not v.is_baseline else None

        return value

    columns = [
        words("Variant", "variant", lambda v: v.name),
        Column("Data", lambda v: v.setting if several else "", numeric=False),
        number("n", "n", lambda v: len(v.counted), str),
        _score_columns(summary)[0],
        *_difference_columns(summary)[:2],
        words("Verdict", "verdict", verdict),
        number("Detectable", "detectable", _detectable(metric), metric.text_of_scaled),
        Column("Seeds to tell apart", _seeds),
        number("Parameters", "parameters", beside(lambda v: v.constant("parameters")), formats.ratio),
        number("MFLOPs", FLOPS, beside(lambda v: v.constant(FLOPS)), formats.ratio),
        number("Train images/s", "train_images_per_s", beside(_train_speed), formats.ratio),
    ]
    return Table(columns, summary.variants, _remarks(summary))


def _train_speed(variant: Variant) -> float | None:
    estimate = variant.speed("train_images_per_s")
    return estimate.mean if estimate else None


def _remarks(summary: Summary) -> list[str]:
    compared = [variant.comparison for variant in summary.variants if variant.comparison]
    if not any(comparison.p_holm is not None for comparison in compared):
        return []
    family = compared[0].family
    level = "0.05" if family == 1 else f"0.05/{family}, which is sure to be enough after Holm's correction"
    unit = f" in {summary.metric.points}" if summary.metric.points else ""
    remarks = [f"Detectable: the smallest true difference{unit} that these runs find with 80 % power at level {level}."]
    if any(comparison.is_open for comparison in compared):
        remarks.append("Seeds to tell apart: of each variant, to find a difference as large as the observed one so.")
    return remarks


def not_counted(variant: Variant) -> str:
    """1 failed, 1 running, 2 seeds missing."""
    inside = {run.folder for run in variant.counted}
    states = Counter(run.status for run in variant.runs if run.folder not in inside)
    parts = [f"{many} {status}" for status, many in sorted(states.items())]
    if variant.num_missing:
        parts.append(f"{formats.count(variant.num_missing, 'seed')} missing")
    return ", ".join(parts)


def difference_text(variant: Variant) -> str:
    """The difference and its interval, marked where the test calls it significant."""
    if variant.comparison is None:
        return ""
    difference, metric = variant.comparison.difference, variant.metric
    value = metric.delta(difference.value) + (MARK if variant.comparison.is_significant else "")
    interval = metric.delta_interval(difference)
    return value + (f" ({interval})" if interval else "")


def stamped(text: str, stamp: str) -> str:
    return f"{text} ({stamp})" if text and stamp else text


def _as_convolution(variant: Variant) -> str:
    """Operations if a large kernel were computed as the convolution that it is, where it is not."""
    value = variant.constant(AS_CONVOLUTION)
    return "" if value is None or value == variant.constant(FLOPS) else formats.mega(value)


def _score_columns(summary: Summary) -> list[Column[Variant]]:
    metric = summary.metric
    best = {id(setting.best) for setting in summary.settings if sum(v.score is not None for v in setting.variants) > 1}

    def interval(v: Variant) -> str:
        return "" if v.score is None else metric.interval(v.score)

    mean = _metric_column(metric, rank=1)
    bounds = {
        f"{_bare(metric)}_ci95_low{_unit(metric)}": _of_metric(metric, lambda estimate: estimate.low),
        f"{_bare(metric)}_ci95_high{_unit(metric)}": _of_metric(metric, lambda estimate: estimate.high),
    }
    return [
        replace(mean, raw={**mean.raw, "selected_on": lambda v: v.selected_on}, strong=lambda v: id(v) in best),
        Column("95 % CI", interval, bounds, rank=4),
    ]


def _metric_column(metric: Metric, rank: int = 9) -> Column[Variant]:
    """Mean and standard deviation, stamped where the number chose its own epoch."""

    def text(v: Variant) -> str:
        estimate = v.estimate(metric.key)
        return "" if estimate is None else stamped(metric.mean_and_sd(estimate), metric.stamp(v.selected_on))

    raw = {
        metric.column: _of_metric(metric, lambda estimate: estimate.mean),
        f"{metric.column}_sd": _of_metric(metric, lambda estimate: estimate.sd),
    }
    return Column(metric.title, text, raw, rank=rank)


def _difference_columns(summary: Summary) -> list[Column[Variant]]:
    several = any(len(setting.variants) > 1 for setting in summary.settings)
    metric = summary.metric

    def difference(v: Variant) -> str:
        if v.comparison is None:
            return "baseline" if v.is_baseline and several else ""
        return stamped(difference_text(v), metric.stamp(v.selected_on))

    def method(v: Variant) -> str:
        return v.comparison.difference.method or v.comparison.difference.why_not if v.comparison else ""

    unit = f"_{metric.points}" if metric.points else ""
    margin = summary.choice.margin or 0.0
    raw = {
        f"difference{unit}": _of_difference(metric, lambda change: change.value),
        f"difference_ci95_low{unit}": _of_difference(metric, lambda change: change.low),
        f"difference_ci95_high{unit}": _of_difference(metric, lambda change: change.high),
    }
    return [
        Column(_difference_title(summary), difference, raw, rank=2),
        number("p (Holm)", "p_holm", lambda v: v.comparison.p_holm if v.comparison else None, formats.p_value, rank=5),
        words("Method", "method", method, rank=5, extra=True),
        number(f"p (within ±{margin:g})", "p_equivalent", _equivalent, formats.p_value, rank=5),
        number("Detectable", f"detectable{unit}", _detectable(metric), metric.text_of_scaled, rank=6, extra=True),
        Column("Seeds to tell apart", _seeds, {"seeds_to_tell_apart": _num_seeds}, rank=6, extra=True),
    ]


def _equivalent(v: Variant) -> float | None:
    return v.comparison.p_equivalent if v.comparison else None


def _detectable(metric: Metric) -> Callable[[Variant], float | None]:
    return lambda v: metric.scaled(v.comparison.detectable) if v.comparison else None


def _seeds(v: Variant) -> str:
    """Of each variant; only where the runs leave the question open."""
    if v.comparison is None or not v.comparison.is_open:
        return ""
    return f"more than {MOST_SEEDS}" if v.comparison.seeds is None else str(v.comparison.seeds)


def _num_seeds(v: Variant) -> int | None:
    return v.comparison.seeds if v.comparison and v.comparison.is_open else None


def _speed_column(title: str, key: str, rank: int) -> Column[Variant]:
    def mean(v: Variant) -> float | None:
        estimate = v.speed(key)
        return None if estimate is None else estimate.mean

    return number(title, key, mean, formats.per_second, rank=rank)


def _difference_title(summary: Summary) -> str:
    """Names the baseline where it is the same in all settings."""
    names = {setting.baseline.name for setting in summary.settings if setting.baseline}
    baseline = names.pop() if len(names) == 1 else "baseline"
    return f"vs {baseline}{', ' + summary.metric.points if summary.metric.points else ''} (95 % CI)"


def _unit(metric: Metric) -> str:
    return "_percent" if metric.is_fraction else ""


def _bare(metric: Metric) -> str:
    return metric.column.removesuffix("_percent")


def _of_metric(metric: Metric, pick: Callable[[Estimate], float | None]) -> Callable[[Variant], float | None]:
    def value(v: Variant) -> float | None:
        estimate = v.estimate(metric.key)
        return None if estimate is None else metric.scaled(pick(estimate))

    return value


def _of_difference(metric: Metric, pick: Callable[[Difference], float | None]) -> Callable[[Variant], float | None]:
    return lambda v: metric.scaled(pick(v.comparison.difference)) if v.comparison else None
