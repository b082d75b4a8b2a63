"""The answer in sentences: what the runs show, and no more than they show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lkca_exp.report.compare.aggregate import Comparison, Setting, Summary, Variant
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.statistics import Estimate
from lkca_exp.report.formats import count, device, p_value, ratio

MOST_SENTENCES = 6
"""More variants than this are counted instead of listed: the table has them."""


def answer(summary: Summary) -> list[str]:
    """Setting by setting one sentence a variant, or where they are many one for the best and a count of the rest; then
    what is not finished."""
    compared = [variant for setting in summary.settings if setting.baseline for variant in _others(setting)]
    brief = len(compared) > MOST_SENTENCES
    sentences = [sentence for setting in summary.settings for sentence in _about(setting, brief)]
    return sentences + ([_tally(compared, summary)] if brief else []) + _not_paired(summary) + _unfinished(summary)


def _about(setting: Setting, brief: bool) -> list[str]:
    baseline, others = setting.baseline, _others(setting)
    if baseline is None:
        return [f"On {setting.name} there is no variant of the name asked for as baseline, so no comparison."]
    if not others:
        return [_alone(baseline)]
    return _highest(setting, baseline) if brief else [_compared(variant, baseline) for variant in others]


def _others(setting: Setting) -> list[Variant]:
    return [variant for variant in setting.variants if not variant.is_baseline]


def _alone(variant: Variant) -> str:
    score = variant.score
    if score is None:
        states = _states(run.status for run in variant.runs)
        return f"{variant.name} on {variant.setting} has no finished run with a {variant.metric.full_name} ({states})."
    interval = f", 95 % confidence interval {variant.metric.interval(score)}" if score.low is not None else ""
    return f"{variant.name} reaches {_reached(variant, score)} on {variant.setting} ({_n(score)}{interval})."


def _compared(variant: Variant, baseline: Variant) -> str:
    score, reference, comparison = variant.score, baseline.score, variant.comparison
    if score is None or reference is None or comparison is None:
        missing = [_alone(model) for model in (variant, baseline) if model.score is None]
        present = [_alone(model) for model in (variant, baseline) if model.score is not None]
        return " ".join(present + missing)
    metric = variant.metric
    start = f"{variant.name} reaches {_reached(variant, score)} on {variant.setting} ({_n(score)})"
    if comparison.is_significant:
        difference = comparison.difference
        way = "above" if difference.value > 0 else "below"
        verdict = f", {metric.size(difference.value)} {way} {baseline.name}, {_evidence(comparison, metric)}"
        return f"{start}{verdict}{_cost(variant, baseline)}."
    against = f"{baseline.name} {_reached(baseline, reference)} ({_n(reference)})"
    return f"{start}, {against}. {_undecided(comparison, metric)}{_cost(variant, baseline)}."


def _undecided(comparison: Comparison, metric: Metric) -> str:
    difference = comparison.difference
    size = f"{metric.delta(difference.value)} {metric.points}".rstrip()
    if not difference.method:
        return f"The difference of {size} has no interval ({difference.why_not})"
    return f"The runs do not tell them apart: a difference of {size}, {_evidence(comparison, metric)}"


def _evidence(comparison: Comparison, metric: Metric) -> str:
    """The interval, the method, and the p-value where the interval alone does not decide."""
    difference = comparison.difference
    method = f"paired over {difference.pairs} seeds" if difference.pairs else "Welch"
    words = f"95 % confidence interval {metric.delta_interval(difference)}, {method}"
    if comparison.family < 2 or comparison.p_holm is None:
        return words
    return f"{words}, p {_relation(comparison.p_holm)} after Holm's correction for {comparison.family} comparisons"


def _relation(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p_value(p)}"


def _cost(variant: Variant, baseline: Variant) -> str:
    """What the variant costs beside the baseline; what was measured only where one machine measured both."""
    words = []
    for key, name in (("parameters", "parameters"), ("flops_per_image", "FLOPs")):
        ours, theirs = variant.constant(key), baseline.constant(key)
        if ours and theirs:
            words.append(f"{ratio(ours / theirs)} the {name}")
    speed, reference = variant.speed("train_images_per_s"), baseline.speed("train_images_per_s")
    if len({device(run) for model in (variant, baseline) for run in model.counted}) > 1:
        words.append("training throughput and memory not compared, for the devices differ")
        return f"; {', '.join(words)}"
    if speed and reference and reference.mean:
        words.append(f"{ratio(speed.mean / reference.mean)} the training throughput")
    if variant.peak_bytes and baseline.peak_bytes:
        words.append(f"{ratio(variant.peak_bytes / baseline.peak_bytes)} the peak memory")
    return f"; {', '.join(words)}" if words else ""


def _tally(others: list[Variant], summary: Summary) -> str:
    """Counts by verdict, in place of a sentence for each."""
    compared = [variant.comparison for variant in others if variant.comparison]
    above = sum(comparison.is_significant and comparison.difference.value > 0 for comparison in compared)
    below = sum(comparison.is_significant and comparison.difference.value < 0 for comparison in compared)
    names = {setting.baseline.name for setting in summary.settings if setting.baseline}
    baseline = names.pop() if len(names) == 1 else "their baseline"
    family = max((comparison.family for comparison in compared), default=0)
    correction = f"95 %, Holm's correction for {count(family, 'comparison')}"
    return (
        f"Of {len(others)} other variants {above} are above {baseline} and {below} below; the runs do not tell "
        f"the remaining {len(others) - above - below} from it ({correction}). The table has each of them."
    )


def _highest(setting: Setting, baseline: Variant) -> list[str]:
    """The best of many: beside the baseline if it is another one, with a caution."""
    best = setting.best
    if best is None:
        return [_alone(baseline)]
    caution = f"It is the best of {len(setting.variants)} variants, and owes something of that to chance."
    sentence = _alone(best) if best is baseline else _compared(best, baseline)
    return [f"{sentence} {caution}" if len(setting.variants) > 2 else sentence]


def _not_paired(summary: Summary) -> list[str]:
    """Which comparisons were not made seed by seed, where that was asked for."""
    compared = [variant for variant in summary.variants if variant.comparison and summary.choice.paired]
    without = [variant.name for variant in compared if variant.comparison and not variant.comparison.difference.pairs]
    if not without:
        return []
    names = ", ".join(dict.fromkeys(without[:MOST_SENTENCES])) + (", ..." if len(without) > MOST_SENTENCES else "")
    return [f"Not paired but compared over all runs (Welch), for not all seeds are shared: {names}."]


def _unfinished(summary: Summary) -> list[str]:
    runs = [run for variant in summary.variants for run in variant.runs]
    others = [run.status for run in runs if run.status != "finished"] + ["unreadable"] * len(summary.left_out)
    total = len(runs) + len(summary.left_out)
    return [f"Of {count(total, 'run')} these are in no mean: {_states(others)}."] if others else []


def _states(statuses: Iterable[str]) -> str:
    return ", ".join(f"{number} {status}" for status, number in sorted(Counter(statuses).items()))


def _reached(variant: Variant, score: Estimate) -> str:
    stamp = variant.metric.stamp(variant.selected_on)
    return variant.metric.with_unit(score.mean) + (f" ({stamp})" if stamp else "")


def _n(score: Estimate) -> str:
    return f"n = {count(score.n, 'seed')}"
