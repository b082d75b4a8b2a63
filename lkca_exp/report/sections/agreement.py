"""Do two models err on the same test images? McNemar's test, pairs of models trained with the same seed.

The test is exact (a binomial test on the images that only one of the two gets right) and speaks of two trained models
on images like these, not of another training. The seeds' p-values cannot be pooled, for the images are the same: they
are combined by their median times K / k (K seeds, k the median's rank), which holds under any dependence (Rüger,
Metrika 25, 1978). One seed gives counts and no p-value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scipy.special import bdtr

from lkca_exp.report import formats
from lkca_exp.report.compare.statistics import holm
from lkca_exp.report.compare.variant import Setting, Variant
from lkca_exp.report.read.predictions import Predictions
from lkca_exp.report.section import TableBlock
from lkca_exp.report.tables.column import Column, Table, number, words
from lkca_exp.report.tables.variants import stamped

FEWEST_SEEDS = 2
NOTE = (
    "Models trained with the same seed, image by image; shares are means over n seeds. p is "
    "McNemar\N{RIGHT SINGLE QUOTATION MARK}s exact test: whether two trained models differ on images like these, "
    "not whether another training would. The seeds share their images, so their p-values are combined by the median "
    "rule, which holds under any dependence, and corrected after Holm for all models of this table."
)


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
    pairs = [
        pair
        for variant in setting.variants
        if variant is not baseline and (pair := _agreement(variant, baseline, predictions)) is not None
    ]
    tested = [index for index, pair in enumerate(pairs) if pair.p is not None]
    adjusted = dict(zip(tested, holm([pairs[index].p or 0.0 for index in tested]), strict=True))
    return [replace(pair, p_holm=adjusted.get(index)) for index, pair in enumerate(pairs)]


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


def agreement_block(pairs: Sequence[Agreement]) -> TableBlock:
    """The table on the page, with a note on what the test means."""
    names = [pair.variant.name for pair in pairs]
    return TableBlock(agreement_table(pairs), "Agreement on the test images", "The same test images", NOTE, names)


def agreement_table(pairs: Sequence[Agreement]) -> Table[Agreement]:
    columns = [
        words("Model", "variant", lambda a: a.variant.name),
        words("beside", "baseline", lambda a: a.baseline.name),
        number("Test images", "test_images", lambda a: a.num_images, formats.thousands),
        number("n", "n", lambda a: a.num_seeds, str),
        _share("Both right %", "both_right_percent", lambda a: a.both_right),
        _share("Only model right %", "only_variant_percent", lambda a: a.only_variant),
        _share("Only baseline right %", "only_baseline_percent", lambda a: a.only_baseline),
        _share("Both wrong %", "both_wrong_percent", lambda a: a.both_wrong),
        Column("p (Holm)", _p_value, {"p_holm": lambda a: a.p_holm}),
    ]
    return Table(columns, pairs)


def _p_value(agreement: Agreement) -> str:
    if agreement.p_holm is None:
        return f"needs {FEWEST_SEEDS} seeds"
    return formats.p_value(agreement.p_holm)


def _share(title: str, name: str, count: Callable[[Agreement], float]) -> Column[Agreement]:
    def text(agreement: Agreement) -> str:
        share = f"{100 * count(agreement) / agreement.num_images:.2f}"
        return stamped(share, agreement.variant.metric.stamp(agreement.variant.selected_on))

    return Column(title, text, {name: lambda a: round(100 * count(a) / a.num_images, 10)})
