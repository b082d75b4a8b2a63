"""Runs -> variants (one a group), side by side in settings (one data set, one subset, one protocol).

Only finished runs with a test accuracy enter a mean, each seed once. Variants are compared inside a setting only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lkca_exp.report.load import LeftOut, Run
from lkca_exp.report.names import MIXER, name_settings, name_variants, setting_keys
from lkca_exp.report.statistics import Difference, Estimate, difference, estimate, holm

ALPHA = 0.05


@dataclass(frozen=True)
class Comparison:
    """Top-1 of a variant minus that of the baseline, in fractions. `p_holm` is adjusted for the `family` of tests made
    in the same setting."""

    difference: Difference
    p_holm: float | None
    family: int

    @property
    def told_apart(self) -> bool:
        return self.p_holm is not None and self.p_holm < ALPHA


@dataclass(frozen=True)
class Variant:
    """One configuration over its seeds. `counted` are the runs behind the means; `num_missing` counts the seeds that
    other variants of the setting have and this one has not."""

    name: str
    setting: str
    protocol: str
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
    def selected_on_test(self) -> bool:
        return self.selected_on == "test"

    @property
    def group(self) -> str:
        return self.runs[0].group

    @property
    def mixer(self) -> str:
        return str(self.runs[0].config.get(MIXER))

    def metric(self, key: str) -> Estimate | None:
        """Estimate of an entry of the records' metrics, over the counted runs that have it."""
        return _estimate(run.metrics.get(key) for run in self.counted)

    def speed(self, key: str) -> Estimate | None:
        """Images a second: an entry of the records' speed."""
        return _estimate(run.speed.get(key) for run in self.counted)

    def constant(self, key: str) -> float | None:
        """An entry of the records' model, which the seed cannot change."""
        return next((run.model[key] for run in self.runs if key in run.model), None)

    @property
    def top1_by_seed(self) -> dict[int, float]:
        return {run.seed: run.top1 for run in self.counted if run.top1 is not None}


@dataclass(frozen=True)
class Setting:
    """What is compared with what: variants trained on the same images under the same protocol. `baseline` is None
    where the report was asked for one that this setting lacks."""

    name: str
    keys: dict[str, object]
    variants: tuple[Variant, ...]

    @property
    def baseline(self) -> Variant | None:
        return next((variant for variant in self.variants if variant.is_baseline), None)


@dataclass(frozen=True)
class Summary:
    """All that the report shows."""

    studies: tuple[str, ...]
    settings: tuple[Setting, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]

    def by_setting(self) -> list[Summary]:
        """Each setting on its own, for tables that need no column to tell settings apart."""
        return [replace(self, settings=(setting,)) for setting in self.settings]

    @property
    def variants(self) -> list[Variant]:
        return [variant for setting in self.settings for variant in setting.variants]


def summarise(runs: Sequence[Run], left_out: Sequence[LeftOut], baseline: str | None = None) -> Summary:
    """Group, name, average and compare.

    `baseline` is a variant's name, or the label of one of its runs; without it the one attention variant, else the
    first by name. Raises ValueError for a name that no setting has.
    """
    by_setting: dict[str, list[Run]] = {}
    for run in runs:
        by_setting.setdefault(json.dumps(setting_keys(run), sort_keys=True, default=str), []).append(run)
    keys = [setting_keys(members[0]) for members in by_setting.values()]
    named = zip(name_settings(keys), keys, by_setting.values(), strict=True)
    settings = sorted((_setting(name, found, members, baseline) for name, found, members in named), key=_by_name)
    _check_baseline(baseline, settings)
    studies = dict.fromkeys(
        path.parent.name for path in [run.folder for run in runs] + [out.folder for out in left_out]
    )
    return Summary(tuple(studies), tuple(settings), tuple(left_out), tuple(_notes(runs)))


def countable(runs: Iterable[Run]) -> list[Run]:
    """The finished runs with a test accuracy, one a seed: of two the one that ended later."""
    finished = [run for run in runs if run.status == "finished" and run.top1 is not None]
    latest = {run.seed: run for run in sorted(finished, key=lambda run: (run.ended, not run.reused_from))}
    return [latest[seed] for seed in sorted(latest)]


def _setting(name: str, keys: dict[str, object], runs: Sequence[Run], baseline: str | None) -> Setting:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    names = name_variants({group: members[0] for group, members in groups.items()})
    seeds = {run.seed for run in runs}
    variants = [
        Variant(
            name=names[group],
            setting=name,
            protocol=str(keys.get("protocol.name", "unknown")),
            runs=tuple(sorted(members, key=lambda run: (run.seed, run.folder.name))),
            counted=tuple(countable(members)),
            num_missing=len(seeds - {run.seed for run in members}),
        )
        for group, members in groups.items()
    ]
    return Setting(name, keys, tuple(sorted(_compare(variants, baseline), key=_by_accuracy)))


def _compare(variants: Sequence[Variant], wanted: str | None) -> list[Variant]:
    """The variants with their comparison to the baseline, if this setting has it."""
    baseline = _default_baseline(variants) if wanted is None else _find(variants, wanted)
    if baseline is None:
        return list(variants)
    found = {
        variant.group: difference(variant.top1_by_seed, baseline.top1_by_seed)
        for variant in variants
        if variant is not baseline and variant.counted and baseline.counted
    }
    p_values = {group: one.p for group, one in found.items() if one.p is not None}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    compared = {group: Comparison(one, adjusted.get(group), len(p_values)) for group, one in found.items()}
    return [
        replace(variant, is_baseline=variant is baseline, comparison=compared.get(variant.group))
        for variant in variants
    ]


def _default_baseline(variants: Sequence[Variant]) -> Variant:
    attention = [variant for variant in variants if variant.mixer == "attention"]
    return attention[0] if len(attention) == 1 else min(variants, key=_by_name)


def _find(variants: Sequence[Variant], wanted: str) -> Variant | None:
    named = [variant for variant in variants if variant.name == wanted]
    labelled = [variant for variant in variants if any(run.label == wanted for run in variant.runs)]
    return next(iter(named + labelled), None)


def _check_baseline(wanted: str | None, settings: Sequence[Setting]) -> None:
    if wanted is not None and not any(setting.baseline for setting in settings):
        names = dict.fromkeys(variant.name for setting in settings for variant in setting.variants)
        raise ValueError(f"no variant is called {wanted!r}; there are {', '.join(sorted(names))}")


def _notes(runs: Sequence[Run]) -> list[str]:
    """What a reader has to know about single runs that are not, or not simply, part of a mean."""
    notes = []
    twice = Counter((run.group, run.seed) for run in runs if run.status == "finished")
    for run in runs:
        if twice.pop((run.group, run.seed), 0) > 1:
            notes.append(f"{run.label}: seed {run.seed} is there more than once; the latest run counts, once")
        if run.status == "finished" and run.top1 is None:
            notes.append(f"{run.folder.name}: finished without a test accuracy, so in no mean")
        notes += [f"{run.folder.name}: {note}" for note in run.notes]
    return notes


def _estimate(values: Iterable[float | None]) -> Estimate | None:
    found = [value for value in values if value is not None]
    return estimate(found) if found else None


def _by_name(item: Variant | Setting) -> str:
    return item.name


def _by_accuracy(variant: Variant) -> tuple[float, str]:
    top1 = variant.metric("test/top1")
    return (-top1.mean if top1 else 1.0, variant.name)
