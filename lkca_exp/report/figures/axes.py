"""Scales: from values to pixels, and where the ticks are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lkca_exp.report.figures.model import Axis

MARGIN = 0.05
"""Of the range, left free at both ends."""
SMALLEST_RANGE = 1e-9


@dataclass(frozen=True)
class Scale:
    """`low` and `high` are values (their logarithms for a `log` axis) that lie at the pixels `start` and `end`."""

    axis: Axis
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        place = math.log10(value) if self.axis.log else value
        return self.start + (place - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, room: float) -> list[tuple[float, str]]:
        """Values and their texts, `room` pixels or more apart."""
        if self.axis.names:
            return [(float(index), name) for index, name in enumerate(self.axis.names)]
        most = max(int(abs(self.end - self.start) / room), 2)
        if self.axis.ticks:
            values = list(self.axis.ticks)
            while len(values) > most:
                values = values[::2]
            return [(value, f"{short(value)}{self.axis.unit}") for value in values]
        if self.axis.log:
            return [(value, f"{short(value)}{self.axis.unit}") for value in _log_ticks(self.low, self.high, most)]
        values, decimals = _linear_ticks(self.low, self.high, most)
        plain = max(abs(self.low), abs(self.high)) < 10_000
        return [(v, (f"{v:.{decimals}f}" if plain else short(v)) + self.axis.unit) for v in values]


def scale(axis: Axis, values: Sequence[float], start: float, end: float) -> Scale:
    """A scale that holds all values with a margin; at most two decimals of it are lost where they are all the same."""
    if axis.names:
        return Scale(axis, -0.6, len(axis.names) - 0.4, start, end)
    places = [math.log10(value) for value in values] if axis.log else list(values)
    low, high = min(places), max(places)
    spread = high - low
    margin = MARGIN * spread if spread > SMALLEST_RANGE * max(abs(high), 1.0) else 0.05 * max(abs(high), 1.0)
    return Scale(axis, low - margin, high + margin, start, end)


def short(value: float) -> str:
    """12, 0.05, 1.2k, 23M: at most four digits."""
    for factor, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor and (factor > 1e3 or abs(value) >= 1e4):
            return f"{value / factor:.4g}{letter}"
    return f"{value:.4g}"


def _linear_ticks(low: float, high: float, most: int) -> tuple[list[float], int]:
    """Multiples of 1, 2 or 5 times a power of ten, and the decimals that they need."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)], max(-math.floor(math.log10(step) + 1e-9), 0)


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Powers of ten with 2 and 5 times them where there is room; round numbers where the range is short."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [factor * 10.0**power for power in powers for factor in factors]
        found = [value for value in found if low <= math.log10(value) <= high]
        if len(found) <= most:
            break
    return found if len(found) > 1 else _linear_ticks(10**low, 10**high, most)[0]
