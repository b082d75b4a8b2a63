"""What is compared: variants over their seeds, side by side in settings, and the summary of them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.compare.metric import Metric
from lkca_exp.report.compare.names import MIXER
from lkca_exp.report.compare.statistics import Difference, Estimate, detectable, estimate, seeds_to_detect
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


def _estimate(values: Iterable[float | None]) -> Estimate | None:
    numbers = [value for value in values if value is not None]
    return estimate(numbers) if numbers else None
