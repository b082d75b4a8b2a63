"""What the two tables say: one row a variant, and one row a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from lkca_exp.report import formats
from lkca_exp.report.aggregate import Summary, Variant
from lkca_exp.report.formats import STAMP
from lkca_exp.report.load import Run
from lkca_exp.report.statistics import Difference, Estimate
from lkca_exp.report.tables import Column, number, raw_only, words


@dataclass(frozen=True)
class RunRow:
    """A run and the variant it belongs to."""

    run: Run
    variant: Variant

    @property
    def is_counted(self) -> bool:
        return any(run.folder == self.run.folder for run in self.variant.counted)


def run_rows(summary: Summary) -> list[RunRow]:
    return [RunRow(run, variant) for variant in summary.variants for run in variant.runs]


def variant_columns(summary: Summary) -> list[Column[Variant]]:
    several = len(summary.settings) > 1
    protocols = {variant.protocol for variant in summary.variants}
    return [
        words("Variant", "variant", lambda v: v.name, rank=0),
        Column("Data", lambda v: v.setting if several else "", {"data": lambda v: v.setting}, numeric=False, rank=1),
        Column(
            "Protocol",
            lambda v: v.protocol if len(protocols) > 1 else "",
            {"protocol": lambda v: v.protocol},
            numeric=False,
            rank=4,
        ),
        number("n", "n", lambda v: len(v.counted), str, rank=1),
        *_top1_columns(),
        *_difference_columns(summary),
        Column("Not counted", not_counted, {"runs": lambda v: len(v.runs)}, numeric=False, rank=3),
        _metric_column("Top-5 %", "test/top5", "top5_percent"),
        _metric_column("Calibration error %", "test/calibration_error", "calibration_error_percent"),
        number("Parameters", "parameters", lambda v: v.constant("parameters"), formats.thousands, rank=2),
        number("MFLOPs", "flops_per_image", lambda v: v.constant("flops_per_image"), formats.mega),
        _speed_column("Train images/s", "train_images_per_s", rank=2),
        _speed_column("Test images/s", "test_images_per_s", rank=7),
        number("Peak memory MB", "peak_bytes", _peak_bytes, formats.mega, rank=7),
    ]


def run_columns(summary: Summary) -> list[Column[RunRow]]:
    several_studies, several_settings = len(summary.studies) > 1, len(summary.settings) > 1
    return [
        words("Run", "label", lambda r: r.run.label),
        raw_only("study", lambda r: r.run.study),
        Column("Study", lambda r: r.run.study if several_studies else "", numeric=False),
        number("Seed", "seed", lambda r: r.run.seed, str),
        Column("State", state, {"status": lambda r: r.run.status, "counted": lambda r: r.is_counted}, numeric=False),
        Column("Top-1 %", _run_top1, {"top1_percent": lambda r: _hundred(r.run.top1)}),
        raw_only("selected_on", lambda r: r.run.selected_on),
        words("Remarks", "remarks", remarks),
        words("Variant", "variant", lambda r: r.variant.name),
        raw_only("data", lambda r: r.variant.setting),
        Column("Data", lambda r: r.variant.setting if several_settings else "", numeric=False),
        raw_only("protocol", lambda r: r.variant.protocol),
        number("Time", "seconds", lambda r: r.run.seconds, formats.duration),
        words("Device", "device", lambda r: formats.device(r.run)),
        Column(
            "Commit",
            lambda r: formats.commit(r.run),
            {"commit": lambda r: r.run.git.get("commit"), "dirty": lambda r: r.run.git.get("dirty")},
            numeric=False,
        ),
        raw_only("folder", lambda r: f"{r.run.study}/{r.run.folder.name}"),
        raw_only("id", lambda r: r.run.id),
        raw_only("group", lambda r: r.run.group),
    ]


def state(row: RunRow) -> str:
    if row.run.status == "finished" and not row.is_counted:
        return "finished, not counted"
    return row.run.status


def not_counted(variant: Variant) -> str:
    """1 failed, 1 running, 2 seeds missing."""
    inside = {run.folder for run in variant.counted}
    states = Counter(run.status for run in variant.runs if run.folder not in inside)
    found = [f"{many} {status}" for status, many in sorted(states.items())]
    if variant.num_missing:
        found.append(f"{formats.count(variant.num_missing, 'seed')} missing")
    return ", ".join(found)


def remarks(row: RunRow) -> str:
    """The error, how far an unfinished run is, the warnings of the record."""
    run, found = row.run, []
    if run.error:
        found.append(run.error)
    if run.status != "finished" and run.curve and "epochs" in run.config:
        found.append(f"epoch {max(run.curve) + 1} of {run.config['epochs']}")
    if run.reused_from:
        found.append(f"reused from {run.reused_from}")
    return "; ".join([*found, *run.warnings, *run.notes])


def _top1_columns() -> list[Column[Variant]]:
    def interval(v: Variant) -> str:
        found = v.metric("test/top1")
        return "" if found is None else formats.accuracy_interval(found)

    mean = _metric_column("Top-1 %", "test/top1", "top1_percent", rank=1)
    return [
        replace(mean, raw={**mean.raw, "selected_on": lambda v: v.selected_on}),
        Column(
            "95 % CI",
            interval,
            {
                "top1_ci95_low_percent": _of_metric("test/top1", lambda found: found.low),
                "top1_ci95_high_percent": _of_metric("test/top1", lambda found: found.high),
            },
            rank=4,
        ),
    ]


def _metric_column(title: str, key: str, name: str, rank: int = 9) -> Column[Variant]:
    """Mean and standard deviation of a fraction, in percent; stamped, as all test metrics are read at one epoch."""

    def text(v: Variant) -> str:
        found = v.metric(key)
        return "" if found is None else _stamped(formats.mean_and_sd(found), v.selected_on_test)

    raw = {name: _of_metric(key, lambda found: found.mean), f"{name}_sd": _of_metric(key, lambda found: found.sd)}
    return Column(title, text, raw, rank=rank)


def _difference_columns(summary: Summary) -> list[Column[Variant]]:
    several = any(len(setting.variants) > 1 for setting in summary.settings)

    def difference(v: Variant) -> str:
        if v.comparison is None:
            return "baseline" if v.is_baseline and several else ""
        found = v.comparison.difference
        interval = formats.difference_interval(found)
        value = formats.points(found.value) + (f" ({interval})" if interval else "")
        return _stamped(value, v.selected_on_test)

    def method(v: Variant) -> str:
        return v.comparison.difference.method or v.comparison.difference.why_not if v.comparison else ""

    raw = {
        "difference_points": _of_difference(lambda found: found.value),
        "difference_ci95_low_points": _of_difference(lambda found: found.low),
        "difference_ci95_high_points": _of_difference(lambda found: found.high),
    }
    return [
        Column(_difference_title(summary), difference, raw, rank=2),
        number("p (Holm)", "p_holm", lambda v: v.comparison.p_holm if v.comparison else None, formats.p_value, rank=5),
        words("Method", "method", method, rank=5),
    ]


def _speed_column(title: str, key: str, rank: int) -> Column[Variant]:
    def mean(v: Variant) -> float | None:
        found = v.speed(key)
        return None if found is None else found.mean

    return number(title, key, mean, formats.per_second, rank=rank)


def _difference_title(summary: Summary) -> str:
    """Names the baseline where it is the same in all settings."""
    names = {setting.baseline.name for setting in summary.settings if setting.baseline}
    baseline = names.pop() if len(names) == 1 else "baseline"
    return f"vs {baseline}, points (95 % CI)"


def _of_metric(key: str, pick: Callable[[Estimate], float | None]) -> Callable[[Variant], float | None]:
    def value(v: Variant) -> float | None:
        found = v.metric(key)
        return None if found is None else _hundred(pick(found))

    return value


def _of_difference(pick: Callable[[Difference], float | None]) -> Callable[[Variant], float | None]:
    return lambda v: _hundred(pick(v.comparison.difference)) if v.comparison else None


def _run_top1(row: RunRow) -> str:
    top1 = row.run.top1
    return "" if top1 is None else _stamped(formats.percent(top1), row.run.selected_on == "test")


def _stamped(text: str, selected_on_test: bool) -> str:
    return f"{text} ({STAMP})" if text and selected_on_test else text


def _peak_bytes(variant: Variant) -> float | None:
    return max((run.memory["peak_bytes"] for run in variant.counted if "peak_bytes" in run.memory), default=None)


def _hundred(fraction: float | None) -> float | None:
    """In percent or points; ten decimals, as 100 * 0.989 is 98.9 and a rounding error."""
    return None if fraction is None else round(100 * fraction, 10)
