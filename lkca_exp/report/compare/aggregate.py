"""Runs -> variants (one a group), side by side in settings (one data set, one subset, one protocol).

Only finished runs with the metric enter a mean, each seed once. Variants are compared inside a setting only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lkca_exp.report.compare.baseline import check_baseline, check_paired, compare, corrected
from lkca_exp.report.compare.choice import Choice, select
from lkca_exp.report.compare.metric import Metric, metric_of
from lkca_exp.report.compare.names import (
    PLAIN_SETTING,
    describe,
    in_order,
    name_settings,
    name_variants,
    preset_of,
    setting_keys,
    shown_keys,
    variant_keys,
    varying,
)
from lkca_exp.report.compare.variant import Setting, Summary, Variant
from lkca_exp.report.read.load import Run
from lkca_exp.runs.record import Damaged


def summarise(
    runs: Sequence[Run],
    left_out: Sequence[Damaged],
    choice: Choice = Choice(),  # noqa: B008
    num_waiting: int = 0,
) -> Summary:
    """Choose, group, name, average and compare. Raises ValueError for a choice that fits nothing."""
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
    check_baseline(choice.baseline, settings)
    if choice.paired:
        check_paired(settings)
    apart = varying(keys)

    def place(setting: Setting) -> Any:
        """All images come after a fifth of them, though the name does not say "fraction=1.0"."""
        return in_order(describe(PLAIN_SETTING | setting.keys, ["data.name", *apart], ", ")), in_order(setting.name)

    folders = [run.folder for run in chosen] + [damaged.folder for damaged in left_out]
    studies = dict.fromkeys(folder.parent.name for folder in folders)
    return Summary(
        studies=tuple(studies),
        metric=metric,
        choice=choice,
        settings=tuple(sorted(corrected(settings, choice.margin, metric), key=place)),
        shown=tuple(tell_apart),
        apart=tuple(apart),
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
    return Setting(name, keys, tuple(sorted(compare(variants, choice), key=_by_score)))


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


def _by_score(variant: Variant) -> tuple[bool, float, list[tuple[bool, float, str]]]:
    """The best first, those without a mean last."""
    score = variant.score
    return (score is None, -variant.metric.better(score.mean) if score else 0.0, in_order(variant.name))
