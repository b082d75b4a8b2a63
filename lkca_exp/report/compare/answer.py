"""The answer in sentences: what the runs show, and no more than they show. Numbers of single variants are in the
tables."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from lkca_exp.report.compare.progress import progress
from lkca_exp.report.compare.statistics import MOST_SEEDS, Estimate
from lkca_exp.report.compare.variant import Comparison, Setting, Summary, Variant
from lkca_exp.report.formats import count, device, duration, joined, p_value, ratio

MOST_NAMES = 3
"""More variants than this are counted instead of named."""


def answer(summary: Summary) -> list[str]:
    """Setting by setting a headline and what has to be known beside it; then how it was tested, and what is not
    finished."""
    sentences = [sentence for setting in summary.settings for sentence in [headline(setting), *beside(setting)]]
    return [*sentences, *how_tested(summary), *unfinished(summary)]


def headline(setting: Setting) -> str:
    """One sentence: which variants are told from the baseline, by how much, and at what cost."""
    baseline, others = setting.baseline, _others(setting)
    if baseline is None:
        return f"On {setting.name} there is no variant of the name asked for as baseline, so no comparison."
    if not others:
        return _alone(baseline)
    return _compared(others[0], baseline) if len(others) == 1 else _counted(setting, others, baseline)


def headlines(summary: Summary) -> list[str]:
    """The answer for a reader who has the table beside it: without what that says of single variants."""
    return [*map(headline, summary.settings), *how_tested(summary), *unfinished(summary)]


def in_brief(setting: Setting) -> str:
    """The headline on a line, for a list of many settings that has their names and that of the baseline."""
    baseline, others = setting.baseline, _others(setting)
    if baseline is None or not others:
        best = setting.best
        return "no comparison" + (f"; {best.name}: {_reached(best, best.score)}" if best and best.score else "")
    verdicts, best = Counter(map(verdict, others)), setting.best
    counts = f"{verdicts['above']} of {len(others)} above, {verdicts['below']} below"
    if best is None or best.score is None:
        return f"{counts}; none has finished"
    if best is baseline or best.comparison is None:
        return f"{counts}; best: {best.name}, {baseline.metric.with_unit(best.score.mean)}"
    return f"{counts}; best: {best.name}, {_change(best)} ({_evidence(best, baseline)})"


def verdict(variant: Variant) -> str:
    """The outcome of a variant's comparison with the baseline, in a word or two."""
    comparison = variant.comparison
    if comparison is None:
        return "baseline" if variant.is_baseline else ""
    if comparison.is_significant:
        return "above" if comparison.difference.value > 0 else "below"
    if comparison.is_equivalent:
        return "equivalent"
    return "not told apart" if comparison.is_open else "not tested"


def _others(setting: Setting) -> list[Variant]:
    return [variant for variant in setting.variants if not variant.is_baseline]


def _alone(variant: Variant) -> str:
    score = variant.score
    if score is None:
        states = _states(run.status for run in variant.runs)
        return f"{variant.name} on {variant.setting} has no finished run with a {variant.metric.full_name} ({states})."
    interval = f", 95 % CI {variant.metric.interval(score)}" if score.low is not None else ""
    return f"{variant.name} reaches {_reached(variant, score)} on {variant.setting} (n = {score.n}{interval})."


def _compared(variant: Variant, baseline: Variant) -> str:
    comparison, metric = variant.comparison, variant.metric
    if comparison is None:
        return " ".join(_alone(model) for model in sorted((variant, baseline), key=lambda model: model.score is None))
    size, where = metric.size(comparison.difference.value), f"in {metric.name} on {variant.setting}"
    signed = _change(variant)
    end = f"({_evidence(variant, baseline)}){_cost(variant, baseline)}."
    match verdict(variant):
        case "above" | "below" as way:
            return f"{variant.name} is {size} {way} {baseline.name} {where} {end}"
        case "equivalent":
            return f"{variant.name} and {baseline.name} are equivalent {where}: {signed} {end}"
        case "not told apart":
            return f"The runs do not tell {variant.name} from {baseline.name} {where}: {signed} {end}"
    return f"{variant.name} differs from {baseline.name} by {signed} {where}, without an interval {end}"


def _evidence(variant: Variant, baseline: Variant) -> str:
    """The interval, or why there is none, and the number of seeds; the p-value where the interval does not decide."""
    comparison, metric = variant.comparison, variant.metric
    assert comparison is not None
    words = [comparison.difference.why_not or f"95 % CI {metric.delta_interval(comparison.difference)}"]
    if comparison.p_holm is not None and comparison.is_significant != _is_clear_of_zero(comparison):
        words.append(f"p {_relation(comparison.p_holm)} after Holm's correction")
    numbers = dict.fromkeys(len(model.counted) for model in (variant, baseline))
    words.append(f"n = {' and '.join(map(str, numbers))}")
    words += filter(None, dict.fromkeys(metric.stamp(model.selected_on) for model in (variant, baseline)))
    return ", ".join(words)


def _is_clear_of_zero(comparison: Comparison) -> bool:
    low, high = comparison.difference.low, comparison.difference.high
    return low is not None and high is not None and (low > 0 or high < 0)


def _relation(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p_value(p)}"


def _cost(variant: Variant, baseline: Variant) -> str:
    """What the variant costs beside the baseline; the throughput only where one machine measured both."""
    words = []
    ours, theirs = variant.constant("parameters"), baseline.constant("parameters")
    if ours and theirs:
        words.append(f"{ratio(ours / theirs)} the parameters")
    speed, reference = variant.speed("train_images_per_s"), baseline.speed("train_images_per_s")
    if speed and reference and reference.mean and not _on_several_devices([variant, baseline]):
        words.append(f"{ratio(speed.mean / reference.mean)} the training throughput")
    return f", at {' and '.join(words)}" if words else ""


def _counted(setting: Setting, others: Sequence[Variant], baseline: Variant) -> str:
    """Counts by verdict, and the best."""
    verdicts = Counter(map(verdict, others))
    best, metric = setting.best, baseline.metric
    counts = f"{verdicts['above']} of {len(others)} variants are above {baseline.name} and {verdicts['below']} below"
    start = f"On {setting.name} {counts} in {metric.name}"
    if best is None or best.score is None:
        return f"{start}; none has finished."
    if best is baseline or best.comparison is None:
        return f"{start}; best: {best.name} with {metric.with_unit(best.score.mean)}."
    return f"{start}; best: {best.name}, {_change(best)} ({_evidence(best, baseline)})."


def _change(variant: Variant) -> str:
    """The difference from the baseline with its unit."""
    assert variant.comparison is not None
    metric = variant.metric
    return f"{metric.delta(variant.comparison.difference.value)} {metric.points}".rstrip()


def beside(setting: Setting) -> list[str]:
    """What the headline of a setting leaves open."""
    baseline, others = setting.baseline, _others(setting)
    if baseline is None or not others:
        return []
    lines = []
    if len(others) > 1 and setting.best not in (None, baseline):
        lines.append(f"The best of {len(setting.variants)} variants owes something of its lead to chance.")
    undecided = [variant for variant in others if variant.comparison and variant.comparison.is_open]
    if undecided:
        lines += _open(undecided, baseline, of_one=len(others) == 1)
    if equivalent := [variant for variant in others if verdict(variant) == "equivalent" and len(others) > 1]:
        lines.append(f"Equivalent to {baseline.name}: {_names(equivalent)}.")
    if _on_several_devices(setting.variants):
        lines.append(f"Training throughput is not compared on {setting.name}, for the devices differ.")
    return lines


def _open(variants: Sequence[Variant], baseline: Variant, of_one: bool) -> list[str]:
    """What runs that do not tell variants from the baseline could have shown, and what would settle it."""
    metric, comparison = baseline.metric, variants[0].comparison
    assert comparison is not None
    sizes = [variant.comparison.detectable for variant in variants if variant.comparison]
    known = sorted(size for size in sizes if size is not None)
    several = "" if metric.text(known[0]) == metric.text(known[-1]) else f"{metric.text(known[0])} to "
    level = "0.05" if comparison.family == 1 else f"0.05/{comparison.family}"
    shown = f"could have shown a difference of {several}{metric.size(known[-1])} (80 % power at level {level})"
    if not of_one:
        return [f"The runs do not tell {_names(variants)} from {baseline.name}; they {shown}."]
    observed, seeds = metric.size(comparison.difference.value), comparison.seeds
    fewest = min(len(variants[0].counted), len(baseline.counted))
    needed = f"more than {MOST_SEEDS} seeds" if seeds is None else f"{count(max(seeds - fewest, 1), 'more seed')}"
    return [f"They {shown}; to show one of {observed} takes {needed} of each."]


def _names(variants: Sequence[Variant]) -> str:
    if len(variants) > MOST_NAMES:
        return f"{len(variants)} variants"
    return joined([variant.name for variant in variants])


def _on_several_devices(variants: Sequence[Variant]) -> bool:
    return len({device(run) for variant in variants for run in variant.counted}) > 1


def how_tested(summary: Summary) -> list[str]:
    """What above, below and equivalent mean, where the headlines do not say it; and which seeds were not paired."""
    compared = [(variant, variant.comparison) for variant in summary.variants if variant.comparison]
    family = max((comparison.family for _, comparison in compared), default=0)
    lines = []
    if family > 1:
        lines.append(f"Above and below: p < 0.05 after Holm's correction for {family} comparisons.")
    if summary.choice.margin is not None and family:
        unit = f" {summary.metric.points}".rstrip()
        lines.append(
            f"Equivalent: within ±{summary.choice.margin:g}{unit} by two one-sided tests (TOST), p < 0.05"
            + (" after Holm's correction." if family > 1 else ".")
        )
    unpaired = [variant for variant, comparison in compared if not comparison.difference.pairs]
    if unpaired and summary.choice.paired:
        lines.append(f"Not paired but Welch's t over all runs, for not all seeds are shared: {_names(unpaired)}.")
    return lines


def unfinished(summary: Summary) -> list[str]:
    """How many runs are in no mean, by their state."""
    runs = [run for variant in summary.variants for run in variant.runs]
    others = [run.status for run in runs if run.status != "finished"] + ["unreadable"] * len(summary.left_out)
    total = len(runs) + len(summary.left_out)
    lines = [f"Of {count(total, 'run')} these are in no mean: {_states(others)}."] if others else []
    if summary.num_waiting:
        done = sum(run.status == "finished" for run in runs)
        lines.append(f"{done} of {count(total + summary.num_waiting, 'run')} finished{_time_left(summary)}.")
    if summary.num_debug:
        debug = count(summary.num_debug, "debug run")
        lines.append(f"{debug} (trainer=debug or debug_overfit) left out: of a few batches, and no result.")
    return lines


def _time_left(summary: Summary) -> str:
    """If the jobs that have not started take as long as those that have finished, as many at a time as run now."""
    left = [state.seconds_left for state in progress(summary, time.time()) if state.run.status == "running"]
    whole = [run.seconds for run in summary.runs if run.status == "finished" and run.seconds]
    if not left or not whole:
        return ""
    seconds = sum(median(whole) if one is None else one for one in left) + summary.num_waiting * median(whole)
    return f", about {duration(seconds / len(left))} left"


def _states(statuses: Iterable[str]) -> str:
    return ", ".join(f"{number} {status}" for status, number in sorted(Counter(statuses).items()))


def _reached(variant: Variant, score: Estimate) -> str:
    stamp = variant.metric.stamp(variant.selected_on)
    return variant.metric.with_unit(score.mean) + (f" ({stamp})" if stamp else "")
