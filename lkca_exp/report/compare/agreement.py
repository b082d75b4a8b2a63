"""Do two models err on the same test images? McNemar's test, pairs of models trained with the same seed.

The test is exact (a binomial test on the images that only one of the two gets right) and speaks of two trained models
on images like these, not of another training. The seeds' p-values cannot be pooled, for the images are the same: they
are combined by their median times K / k (K seeds, k the median's rank), which holds under any dependence (Rüger,
Metrika 25, 1978). One seed gives counts and no p-value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scipy.special import bdtr

from lkca_exp.report.compare.aggregate import Setting, Variant
from lkca_exp.report.compare.statistics import holm
from lkca_exp.report.read.predictions import Predictions

FEWEST_SEEDS = 2


@dataclass(frozen=True)
class Agreement:
    """A variant beside the baseline. The four numbers count test images, as means over `num_seeds` pairs; `p_holm` is
    adjusted for all pairs of the setting."""

    variant: Variant
    baseline: Variant
    num_seeds: int
    num_images: int
    both_right: float
    only_variant: float
    only_baseline: float
    both_wrong: float
    p: float | None
    p_holm: float | None = None


def agreements(setting: Setting, predictions: Mapping[Path, Predictions]) -> list[Agreement]:
    """Every variant with the baseline, over the seeds that both have with the same test images.

    `predictions` is by the run's folder.
    """
    baseline = setting.baseline
    if baseline is None:
        return []
    found = [
        one
        for variant in setting.variants
        if variant is not baseline and (one := _agreement(variant, baseline, predictions)) is not None
    ]
    tested = [index for index, one in enumerate(found) if one.p is not None]
    adjusted = dict(zip(tested, holm([found[index].p or 0.0 for index in tested]), strict=True))
    return [replace(one, p_holm=adjusted.get(index)) for index, one in enumerate(found)]


def mcnemar(only_ours: int, only_theirs: int) -> float:
    """The exact two-sided p-value: `only_ours` of `only_ours + only_theirs` fair coins."""
    n = only_ours + only_theirs
    return min(1.0, 2 * float(bdtr(min(only_ours, only_theirs), n, 0.5))) if n else 1.0


def combined(p_values: Sequence[float]) -> float:
    """One p-value of several that depend on one another in an unknown way: their lower median times K / k."""
    rank = (len(p_values) + 1) // 2
    return min(1.0, sorted(p_values)[rank - 1] * len(p_values) / rank)


def _agreement(variant: Variant, baseline: Variant, predictions: Mapping[Path, Predictions]) -> Agreement | None:
    ours, theirs = _by_seed(variant, predictions), _by_seed(baseline, predictions)
    pairs = [(ours[seed], theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())]
    pairs = [(a, b) for a, b in pairs if a.same_images(b)]
    if not pairs:
        return None
    tables = [_table(a, b) for a, b in pairs]
    both_right, only_ours, only_theirs, both_wrong = (
        math.fsum(column) / len(tables) for column in zip(*tables, strict=True)
    )
    p = combined([mcnemar(a, b) for _, a, b, _ in tables]) if len(tables) >= FEWEST_SEEDS else None
    num_images = sum(tables[0])
    return Agreement(variant, baseline, len(pairs), num_images, both_right, only_ours, only_theirs, both_wrong, p)


def _by_seed(variant: Variant, predictions: Mapping[Path, Predictions]) -> dict[int, Predictions]:
    return {run.seed: predictions[run.folder] for run in variant.counted if run.folder in predictions}


def _table(ours: Predictions, theirs: Predictions) -> tuple[int, int, int, int]:
    a, b = ours.right, theirs.right
    return int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum())
