"""Runs -> variants (one a group), side by side in settings (one data set, one subset, one protocol).

Only finished runs with the metric enter a mean, each seed once. Variants are compared inside a setting only.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from lkca_exp.config.baseline import fits
from lkca_exp.report.compare.choice import Choice, select
from lkca_exp.report.compare.metric import Metric, metric_of
from lkca_exp.report.compare.names import (
    MIXER,
    in_order,
    name_settings,
    name_variants,
    preset_of,
    setting_keys,
    shown_keys,
    variant_keys,
    varying,
)
from lkca_exp.report.compare.statistics import (
    Difference,
    Estimate,
    detectable,
    difference,
    equivalence_p,
    estimate,
    holm,
    seeds_to_detect,
)
from lkca_exp.report.read.load import Run
from lkca_exp.runs.record import Damaged

ALPHA = 0.05


@dataclass(frozen=True)
class Comparison:
    """A variant's metric minus that of the baseline. `p_holm`, and `p_equivalent` where a margin was stated, are
    adjusted for the `family` of all tests of the report."""

    difference: Difference
    p_holm: float | None
    family: int
    p_equivalent: float | None = None

    @property
    def is_significant(self) -> bool:
        return self.p_holm is not None and self.p_holm < ALPHA

    @property
    def is_equivalent(self) -> bool:
        return self.p_equivalent is not None and self.p_equivalent < ALPHA

    @property
    def is_open(self) -> bool:
        """Tested, and neither told apart nor shown to be equivalent."""
        return self.p_holm is not None and not self.is_significant and not self.is_equivalent

    @property
    def level(self) -> float:
        """At which a test is sure to be significant after Holm's correction."""
        return ALPHA / max(self.family, 1)

    @cached_property
    def detectable(self) -> float | None:
        """The smallest difference that these runs could have shown."""
        return detectable(self.difference, self.level)

    @cached_property
    def seeds(self) -> int | None:
        """Of each variant, to show a difference of the size that was observed; None if that takes too many."""
        return seeds_to_detect(self.difference, self.level)


@dataclass(frozen=True)
class Variant:
    """One configuration over its seeds. `counted` are the runs behind the means; `num_missing` counts the seeds that
    other variants of the setting have and this one has not. `keys` is its configuration, with resolved values in place
    of null; `named_by` are those that its name may be made of."""

    name: str
    setting: str
    protocol: str
    metric: Metric
    keys: Mapping[str, Any]
    named_by: tuple[str, ...]
    runs: tuple[Run, ...]
    counted: tuple[Run, ...]
    num_missing: int = 0
    is_baseline: bool = False
    comparison: Comparison | None = None

    @property
    def selected_on(self) -> str:
        """The worst that any of the runs says of itself: "test", else "validation", else ""."""
        return min((run.selected_on for run in self.runs if run.selected_on), default="")

    @property
    def group(self) -> str:
        return self.runs[0].group

    @property
    def mixer(self) -> str:
        return str(self.keys.get(MIXER))

    @property
    def score(self) -> Estimate | None:
        """What is compared."""
        return self.estimate(self.metric.key)

    def estimate(self, key: str) -> Estimate | None:
        """Of an entry of the records' metrics, over the counted runs that have it."""
        return _estimate(run.metrics.get(key) for run in self.counted)

    def speed(self, key: str) -> Estimate | None:
        """Images a second: an entry of the records' speed."""
        return _estimate(run.speed.get(key) for run in self.counted)

    def constant(self, key: str) -> float | None:
        """An entry of the records' model, which the seed cannot change."""
        return next((run.model[key] for run in self.runs if key in run.model), None)

    @property
    def peak_bytes(self) -> float | None:
        return max((run.memory["peak_bytes"] for run in self.counted if "peak_bytes" in run.memory), default=None)

    @property
    def by_seed(self) -> dict[int, float]:
        return {run.seed: value for run in self.counted if (value := self.metric.of(run)) is not None}


@dataclass(frozen=True)
class Setting:
    """What is compared with what: variants trained on the same images under the same protocol, the best mean first.
    `baseline` is None where the report was asked for one that this setting lacks."""

    name: str
    keys: dict[str, Any]
    variants: tuple[Variant, ...]

    @property
    def baseline(self) -> Variant | None:
        return next((variant for variant in self.variants if variant.is_baseline), None)

    @property
    def best(self) -> Variant | None:
        """The highest mean; None as long as there is none."""
        return self.variants[0] if self.variants and self.variants[0].score else None


@dataclass(frozen=True)
class Summary:
    """All that the report shows. `shown` are the keys that tell variants apart, `apart` those that tell settings apart;
    `recipes` are the other keys that differ from setting to setting. `choice` is what was asked for. `num_debug` runs
    were to see whether everything works, and are nowhere else; `num_waiting` jobs of the latest sweep
    have not started."""

    studies: tuple[str, ...]
    metric: Metric
    choice: Choice
    settings: tuple[Setting, ...]
    shown: tuple[str, ...]
    apart: tuple[str, ...]
    recipes: tuple[str, ...]
    left_out: tuple[Damaged, ...]
    num_debug: int
    num_waiting: int
    notes: tuple[str, ...]

    def by_setting(self) -> list[Summary]:
        """Each setting on its own, for tables that need no column to tell settings apart."""
        return [replace(self, settings=(setting,)) for setting in self.settings]

    @property
    def is_search(self) -> bool:
        """Whether the variants are trials of a search, whose test accuracies must not be shown."""
        return bool(self.runs) and all(run.is_trial for run in self.runs)

    @property
    def variants(self) -> list[Variant]:
        return [variant for setting in self.settings for variant in setting.variants]

    @property
    def runs(self) -> list[Run]:
        return [run for variant in self.variants for run in variant.runs]


def summarise(
    runs: Sequence[Run],
    left_out: Sequence[Damaged],
    choice: Choice = Choice(),  # noqa: B008
    num_waiting: int = 0,
) -> Summary:
    """Choose, group, name, average and compare.

    The baseline is fixed before any result is looked at: the variant that the choice names, else the one that the
    experiment names, else the only one with attention, else the first of the sweep. Raises ValueError for a choice that
    fits nothing.
    """
    metric = metric_of(choice.metric, runs)
    chosen = select(runs, choice.where)
    runs = [run for run in chosen if not is_debug(run)]
    members: dict[str, list[Run]] = {}
    for run in runs:
        members.setdefault(json.dumps(setting_keys(run), sort_keys=True, default=str), []).append(run)
    keys = [setting_keys(inside[0]) for inside in members.values()]
    by_group = [_by_group(inside) for inside in members.values()]
    first = [[members[0] for members in groups.values()] for groups in by_group]
    shown = shown_keys(first)
    tell_apart = list(dict.fromkeys(key for of_preset in shown.values() for key in of_preset))
    everywhere = shown_keys([[run for inside in first for run in inside]])
    settings = [
        _setting(name, of, groups, shown, metric, choice)
        for name, of, groups in zip(name_settings(keys), keys, by_group, strict=True)
    ]
    _check_baseline(choice.baseline, settings)
    if choice.paired:
        _check_paired(settings)
    folders = [run.folder for run in chosen] + [damaged.folder for damaged in left_out]
    studies = dict.fromkeys(folder.parent.name for folder in folders)
    return Summary(
        studies=tuple(studies),
        metric=metric,
        choice=choice,
        settings=tuple(sorted(_corrected(settings, choice.margin, metric), key=lambda setting: in_order(setting.name))),
        shown=tuple(tell_apart),
        apart=tuple(varying(keys)),
        recipes=tuple(
            dict.fromkeys(key for of_preset in everywhere.values() for key in of_preset if key not in tell_apart)
        ),
        left_out=tuple(left_out),
        num_debug=len(chosen) - len(runs),
        num_waiting=num_waiting,
        notes=tuple(_notes(runs, metric)),
    )


def is_debug(run: Run) -> bool:
    """Whether it saw a few batches only (trainer=debug, debug_overfit), which makes it no result."""
    return bool(run.config.get("trainer.fast_run") or run.config.get("trainer.overfit_batches"))


def countable(runs: Iterable[Run], metric: Metric) -> list[Run]:
    """The finished runs with the metric, one a seed: of two the one that ended later."""
    finished = [run for run in runs if run.status == "finished" and metric.of(run) is not None]
    latest = {run.seed: run for run in sorted(finished, key=lambda run: (run.ended, not run.reused_from))}
    return [latest[seed] for seed in sorted(latest)]


def _by_group(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs with a preset first: the same model may have been written out key by key."""
    groups: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: not preset_of(run)):
        groups.setdefault(run.group, []).append(run)
    return groups


def _setting(
    name: str,
    keys: dict[str, Any],
    groups: Mapping[str, list[Run]],
    shown: Mapping[str, Sequence[str]],
    metric: Metric,
    choice: Choice,
) -> Setting:
    names = name_variants({group: members[0] for group, members in groups.items()}, shown)
    seeds = {run.seed for members in groups.values() for run in members}
    variants = [
        Variant(
            name=names[group],
            setting=name,
            protocol=str(keys.get("protocol.name", "unknown")),
            metric=metric,
            keys=variant_keys(members[0]) | keys,
            named_by=tuple(shown[preset_of(members[0])]),
            runs=tuple(sorted(members, key=lambda run: (run.seed, run.folder.name))),
            counted=tuple(countable(members, metric)),
            num_missing=len(seeds - {run.seed for run in members}),
        )
        for group, members in groups.items()
    ]
    return Setting(name, keys, tuple(sorted(_compare(variants, choice), key=_by_score)))


def _compare(variants: Sequence[Variant], choice: Choice) -> list[Variant]:
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


def _corrected(settings: Sequence[Setting], margin: float | None, metric: Metric) -> list[Setting]:
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


def _check_baseline(wanted: str | None, settings: Sequence[Setting]) -> None:
    if wanted is not None and not any(setting.baseline for setting in settings):
        names = dict.fromkeys(variant.name for setting in settings for variant in setting.variants)
        raise ValueError(f"no variant is called {wanted!r}; there are {', '.join(sorted(names, key=in_order))}")


def _check_paired(settings: Sequence[Setting]) -> None:
    compared = [variant for setting in settings for variant in setting.variants if variant.comparison]
    if compared and not any(variant.comparison and variant.comparison.difference.pairs for variant in compared):
        raise ValueError(
            "--paired: no variant has two or more seeds and the same ones as its baseline, so there are no pairs; "
            "without --paired all runs are compared (Welch)"
        )


def _notes(runs: Sequence[Run], metric: Metric) -> list[str]:
    """What a reader has to know about single runs that are not, or not simply, part of a mean."""
    notes = []
    twice = Counter((run.group, run.seed) for run in runs if run.status == "finished")
    for run in runs:
        if twice.pop((run.group, run.seed), 0) > 1:
            notes.append(f"{run.label}: seed {run.seed} occurs more than once; the latest run counts, once")
        if run.status == "finished" and metric.of(run) is None:
            notes.append(f"{run.folder.name}: finished without a {metric.full_name}, so in no mean")
        notes += [f"{run.folder.name}: {note}" for note in run.notes]
    return notes


def _estimate(values: Iterable[float | None]) -> Estimate | None:
    numbers = [value for value in values if value is not None]
    return estimate(numbers) if numbers else None


def _by_score(variant: Variant) -> tuple[bool, float, list[tuple[bool, float, str]]]:
    """The best first, those without a mean last."""
    score = variant.score
    return (score is None, -variant.metric.better(score.mean) if score else 0.0, in_order(variant.name))
