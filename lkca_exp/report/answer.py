"""The answer in sentences: what the runs show, and no more than they show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lkca_exp.report.aggregate import Comparison, Setting, Summary, Variant
from lkca_exp.report.formats import (
    STAMP,
    accuracy_interval,
    count,
    device,
    difference_interval,
    p_value,
    percent,
    points,
    ratio,
)
from lkca_exp.report.statistics import Estimate

MOST_SENTENCES = 6
"""More variants than this are counted instead of listed: the table has them."""


def answer(summary: Summary) -> list[str]:
    """One sentence a variant (or one for all, where they are many), setting by setting, then what is not finished."""
    sentences = [sentence for setting in summary.settings for sentence in _about(setting)]
    return sentences + _unfinished(summary)


def _about(setting: Setting) -> list[str]:
    baseline = setting.baseline
    others = [variant for variant in setting.variants if not variant.is_baseline]
    if baseline is None:
        return [f"On {setting.name} there is no variant of the name asked for as baseline, so no comparison."]
    if len(others) > MOST_SENTENCES:
        return [_alone(baseline), _tally(others, baseline), *_highest(setting)]
    if not others:
        return [_alone(baseline)]
    return [_compared(variant, baseline) for variant in others]


def _alone(variant: Variant) -> str:
    top1 = variant.metric("test/top1")
    if top1 is None:
        states = _states(run.status for run in variant.runs)
        return f"{variant.name} on {variant.setting} has no finished run with a test accuracy ({states})."
    interval = f", 95 % confidence interval {accuracy_interval(top1)}" if top1.low is not None else ""
    return f"{variant.name} reaches {_accuracy(variant, top1)} on {variant.setting} ({_n(top1)}{interval})."


def _compared(variant: Variant, baseline: Variant) -> str:
    top1, reference, comparison = variant.metric("test/top1"), baseline.metric("test/top1"), variant.comparison
    if top1 is None or reference is None or comparison is None:
        missing = [_alone(one) for one in (variant, baseline) if one.metric("test/top1") is None]
        present = [_alone(one) for one in (variant, baseline) if one.metric("test/top1") is not None]
        return " ".join(present + missing)
    start = f"{variant.name} reaches {_accuracy(variant, top1)} on {variant.setting} ({_n(top1)})"
    if comparison.told_apart:
        found = comparison.difference
        way = "above" if found.value > 0 else "below"
        verdict = f", {_size(comparison)} points {way} {baseline.name}, {_evidence(comparison)}"
        return f"{start}{verdict}{_cost(variant, baseline)}."
    against = f"{baseline.name} {_accuracy(baseline, reference)} ({_n(reference)})"
    return f"{start}, {against}. {_undecided(comparison)}{_cost(variant, baseline)}."


def _undecided(comparison: Comparison) -> str:
    found = comparison.difference
    if not found.method:
        return f"The difference of {points(found.value)} points has no interval ({found.why_not})"
    return f"The runs do not tell them apart: a difference of {points(found.value)} points, {_evidence(comparison)}"


def _evidence(comparison: Comparison) -> str:
    """The interval, the method, and the p-value where the interval alone does not decide."""
    found = comparison.difference
    method = f"paired over {found.pairs} seeds" if found.pairs else "not paired (Welch), for the seeds differ"
    words = f"95 % confidence interval {difference_interval(found)}, {method}"
    if comparison.family < 2 or comparison.p_holm is None:
        return words
    return f"{words}, p = {p_value(comparison.p_holm)} after Holm's correction for {comparison.family} comparisons"


def _cost(variant: Variant, baseline: Variant) -> str:
    """What the variant costs beside the baseline; the speeds only where one machine measured both."""
    words = []
    ours, theirs = variant.constant("parameters"), baseline.constant("parameters")
    if ours and theirs:
        words.append(f"{ratio(ours / theirs)} the parameters")
    speed, reference = variant.speed("train_images_per_s"), baseline.speed("train_images_per_s")
    if speed and reference and reference.mean:
        same = len({device(run) for one in (variant, baseline) for run in one.counted}) == 1
        rate = f"{ratio(speed.mean / reference.mean)} the training throughput"
        words.append(rate if same else "training throughput not compared, for the devices differ")
    return f"; {', '.join(words)}" if words else ""


def _tally(others: list[Variant], baseline: Variant) -> str:
    """Counts by verdict, in place of a sentence for each."""
    compared = [variant.comparison for variant in others if variant.comparison]
    above = sum(one.told_apart and one.difference.value > 0 for one in compared)
    below = sum(one.told_apart and one.difference.value < 0 for one in compared)
    family = max((one.family for one in compared), default=0)
    correction = f"95 %, Holm's correction for {count(family, 'comparison')}"
    return (
        f"Of {len(others)} other variants {above} are above {baseline.name} and {below} below; the runs do not tell "
        f"the remaining {len(others) - above - below} from it ({correction}). The table has each of them."
    )


def _highest(setting: Setting) -> list[str]:
    variant = setting.variants[0]
    top1 = variant.metric("test/top1")
    if top1 is None:
        return []
    caution = f"as the highest of {len(setting.variants)} it owes something to chance"
    return [f"The highest mean is that of {variant.name}, {_accuracy(variant, top1)} ({_n(top1)}); {caution}."]


def _unfinished(summary: Summary) -> list[str]:
    runs = [run for variant in summary.variants for run in variant.runs]
    others = [run.status for run in runs if run.status != "finished"] + ["unreadable"] * len(summary.left_out)
    total = len(runs) + len(summary.left_out)
    return [f"Of {count(total, 'run')} these are in no mean: {_states(others)}."] if others else []


def _states(statuses: Iterable[str]) -> str:
    return ", ".join(f"{number} {status}" for status, number in sorted(Counter(statuses).items()))


def _accuracy(variant: Variant, top1: Estimate) -> str:
    return f"{percent(top1.mean)} % top-1" + (f" ({STAMP})" if variant.selected_on_test else "")


def _size(comparison: Comparison) -> str:
    return percent(abs(comparison.difference.value))


def _n(top1: Estimate) -> str:
    return f"n = {count(top1.n, 'seed')}"
