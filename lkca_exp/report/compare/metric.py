"""What is compared: an entry of the records' metrics, how it is written, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lkca_exp.report.compare.statistics import Difference, Estimate
from lkca_exp.report.read.load import Run

KNOWN = {"top1": ("top-1", True), "top5": ("top-5", True), "calibration_error": ("calibration error", False)}
"""Fractions, by the last part of their key: the words, and whether higher is better."""
PARTS = {"test": "", "val": "validation ", "train": "training "}


@dataclass(frozen=True)
class Metric:
    """`key` is the records'. A fraction is written in percent, and a difference of two in points."""

    key: str = "test/top1"

    @property
    def part(self) -> str:
        return self.key.partition("/")[0]

    @property
    def _last(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def is_fraction(self) -> bool:
        return self._last in KNOWN

    @property
    def higher_is_better(self) -> bool:
        return KNOWN.get(self._last, ("", False))[1]

    @property
    def name(self) -> str:
        """top-1, validation loss."""
        return PARTS[self.part] + KNOWN.get(self._last, (self._last, False))[0]

    @property
    def full_name(self) -> str:
        """test top-1, validation loss."""
        return ("test " if self.part == "test" else "") + self.name

    @property
    def title(self) -> str:
        """Top-1 %, with the unit, for the head of a column."""
        return self.name[0].upper() + self.name[1:] + (" %" if self.is_fraction else "")

    @property
    def column(self) -> str:
        """top1_percent, with the unit, for programs."""
        plain = "" if self.part == "test" else f"{self.part}_"
        return f"{plain}{self._last}" + ("_percent" if self.is_fraction else "")

    @property
    def points(self) -> str:
        """The unit of a difference, for readers and in the names of columns."""
        return "points" if self.is_fraction else ""

    @property
    def scale(self) -> float:
        return 100.0 if self.is_fraction else 1.0

    def of(self, run: Run) -> float | None:
        return run.metrics.get(self.key)

    def better(self, value: float) -> float:
        """Larger is better, for sorting."""
        return value if self.higher_is_better else -value

    def text(self, value: float) -> str:
        return f"{100 * value:.2f}" if self.is_fraction else f"{value:.4f}"

    def text_of_scaled(self, value: float) -> str:
        """Of a value in the unit of `column`."""
        return self.text(value / self.scale)

    def with_unit(self, value: float) -> str:
        return f"{self.text(value)} % {self.name}" if self.is_fraction else f"{self.name} {self.text(value)}"

    def delta(self, value: float) -> str:
        """A difference with its sign."""
        return f"{100 * value:+.2f}" if self.is_fraction else f"{value:+.4f}"

    def size(self, value: float) -> str:
        """A difference without its sign, with its unit."""
        return f"{self.text(abs(value))} {self.points}".rstrip()

    def mean_and_sd(self, estimate: Estimate) -> str:
        return self.text(estimate.mean) + ("" if estimate.sd is None else f" ± {self.text(estimate.sd)}")

    def interval(self, estimate: Estimate) -> str:
        """Confidence interval; that of a fraction is cut to 0 ... 100 %, which costs it no coverage."""
        if estimate.low is None or estimate.high is None:
            return ""
        low, high = self.bounds(estimate.low, estimate.high)
        return f"{self.text(low)} to {self.text(high)}"

    def bounds(self, low: float, high: float) -> tuple[float, float]:
        return (max(low, 0.0), min(high, 1.0)) if self.is_fraction else (low, high)

    def delta_interval(self, difference: Difference) -> str:
        if difference.low is None or difference.high is None:
            return ""
        return f"{self.delta(difference.low)} to {self.delta(difference.high)}"

    def scaled(self, value: float | None) -> float | None:
        """In the unit of `column`; ten decimals, as 100 * 0.989 is 98.9 and a rounding error."""
        return None if value is None else round(self.scale * value, 10)

    def stamp(self, selected_on: str) -> str:
        """What to write beside a number that chose its own epoch; "" for an honest one."""
        chose_itself = (self.part, selected_on) in {("test", "test"), ("val", "validation")}
        return f"selected on {selected_on}" if chose_itself else ""


def metric_of(key: str, runs: Iterable[Run]) -> Metric:
    """Raises ValueError for a key that no run's metrics have; the default may be missing as long as nothing ended."""
    there = sorted({name for run in runs for name in run.metrics if name.partition("/")[0] in PARTS and "/" in name})
    if key not in there and (there or key != Metric().key):
        raise ValueError(f"no run has the metric {key!r}; there are {', '.join(there) or 'none'}")
    return Metric(key)
