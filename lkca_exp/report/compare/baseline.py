"""What variants are compared with, and by which tests.

The baseline is fixed before any result is looked at: the variant that the choice names, else the one that the
experiment names, else the only one with attention, else the first of the sweep.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lkca_exp.config.baseline import fits
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.names import in_order
from lkca_exp.report.compare.statistics import difference, equivalence_p, holm
from lkca_exp.report.compare.variant import Comparison, Setting, Variant


def compare(variants: Sequence[Variant], choice: Choice) -> list[Variant]:
    """The variants with their difference from the baseline, if this setting has it; not corrected yet."""
    named = choice.baseline or _named_by_experiment(variants)
    baseline = _default_baseline(variants) if named is None else _find(variants, named)
    if baseline is None:
        return list(variants)
    comparisons = {
        variant.group: Comparison(difference(variant.by_seed, baseline.by_seed, paired=choice.paired), None, 0)
        for variant in variants
        if variant is not baseline and variant.counted and baseline.counted
    }
    return [
        replace(variant, is_baseline=variant is baseline, comparison=comparisons.get(variant.group))
        for variant in variants
    ]


def corrected(settings: Sequence[Setting], margin: float | None, metric: Metric) -> list[Setting]:
    """All tests that the report makes are one family: the more of them, the more would be significant by chance. So are
    those for equivalence within the `margin`, which is in the unit of a difference."""
    tested = {
        (setting.name, variant.group): variant.comparison.difference
        for setting in settings
        for variant in setting.variants
        if variant.comparison and variant.comparison.difference.method
    }
    different = _holm({key: one.p for key, one in tested.items()})
    equivalent = {}
    if margin is not None:
        equivalent = _holm({key: equivalence_p(one, margin / metric.scale) for key, one in tested.items()})

    def correct(variant: Variant, setting: Setting) -> Variant:
        if variant.comparison is None:
            return variant
        key = (setting.name, variant.group)
        return replace(
            variant,
            comparison=replace(
                variant.comparison, p_holm=different.get(key), p_equivalent=equivalent.get(key), family=len(tested)
            ),
        )

    return [
        replace(setting, variants=tuple(correct(variant, setting) for variant in setting.variants))
        for setting in settings
    ]


def _holm(tested: Mapping[tuple[str, str], float | None]) -> dict[tuple[str, str], float]:
    return dict(zip(tested, holm([p for p in tested.values() if p is not None]), strict=True))


def _default_baseline(variants: Sequence[Variant]) -> Variant:
    """Chosen by what was asked for, not by what came of it: the best of several by its test mean would be better by
    chance, and what is compared with it worse."""
    attention = [variant for variant in variants if variant.mixer == "attention"]
    return attention[0] if len(attention) == 1 else min(variants, key=_begun)


def _named_by_experiment(variants: Sequence[Variant]) -> str | None:
    """`report.baseline` of the latest run that has one."""
    naming = [run for variant in variants for run in variant.runs if run.baseline]
    return max(naming, key=lambda run: run.started).baseline if naming else None


def _find(variants: Sequence[Variant], wanted: str) -> Variant | None:
    """The variant of this name, else the first of the sweep that the words fit, else the one with a run of this
    label."""
    called = [variant for variant in variants if variant.name == wanted]
    fitting = sorted((variant for variant in variants if fits(wanted, variant.keys)), key=_begun)
    labelled = [variant for variant in variants if any(run.label == wanted for run in variant.runs)]
    return next(iter(called + fitting + labelled), None)


def _begun(variant: Variant) -> tuple[float, str, list[tuple[bool, float, str]]]:
    """The first of the sweep first: by the place among its jobs, else by when its first run started."""
    place = min((run.place for run in variant.runs if run.place is not None), default=math.inf)
    return place, min(run.started for run in variant.runs), in_order(variant.name)


def check_baseline(wanted: str | None, settings: Sequence[Setting]) -> None:
    """Raises ValueError for a baseline asked for that no setting has."""
    if wanted is not None and not any(setting.baseline for setting in settings):
        names = dict.fromkeys(variant.name for setting in settings for variant in setting.variants)
        raise ValueError(f"no variant is called {wanted!r}; there are {', '.join(sorted(names, key=in_order))}")


def check_paired(settings: Sequence[Setting]) -> None:
    """Raises ValueError where pairs of seeds were asked for and there are none."""
    compared = [variant for setting in settings for variant in setting.variants if variant.comparison]
    if compared and not any(variant.comparison and variant.comparison.difference.pairs for variant in compared):
        raise ValueError(
            "--paired: no variant has two or more seeds and the same ones as its baseline, so there are no pairs; "
            "without --paired all runs are compared (Welch)"
        )
