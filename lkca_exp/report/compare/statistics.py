"""Means over seeds, differences between variants, and how sure they are.

All intervals are two-sided Student-t intervals over seeds: they cover the spread that initial weights, order and
augmentation cause, not that of another training or test set. Values are in the unit they come in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

LEVEL = 0.95
NO_SPREAD = 1e-12
"""A standard deviation below this is rounding error: it tells nothing of the spread, so no interval is made of it."""


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` seeds. `sd` is the sample standard deviation (n - 1), None for one seed; `low` and `high` bound
    the confidence interval, None where there is none."""

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """Ours minus theirs. `method` is "paired t" or "Welch t", or "" with no interval and no p-value, in which case
    `why_not` says why. `pairs` counts the shared seeds that a paired method used."""

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    method: str = ""
    pairs: int = 0
    why_not: str = ""


def estimate(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """Mean and its interval, mean +- t(n-1) sd / sqrt(n). No interval for one value or for values without spread.

    Raises ValueError for no values.
    """
    if not values:
        raise ValueError("no values to average")
    n, mean = len(values), math.fsum(values) / len(values)
    if n == 1:
        return Estimate(n, mean, None, None, None)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    if sd < NO_SPREAD:
        return Estimate(n, mean, sd, None, None)
    half = _quantile(n - 1, level) * sd / math.sqrt(n)
    return Estimate(n, mean, sd, mean - half, mean + half)


def difference(ours: Mapping[int, float], theirs: Mapping[int, float], level: float = LEVEL) -> Difference:
    """Difference of two variants, each given as seed -> value.

    Paired over the shared seeds if there are two or more (one-sample t on the differences; the value is their mean);
    else between all runs, with unequal variances (Welch). Raises ValueError if either has no values.
    """
    shared = sorted(ours.keys() & theirs.keys())
    if len(shared) >= 2:
        return _paired([ours[seed] - theirs[seed] for seed in shared], level)
    return _welch(estimate(list(ours.values())), estimate(list(theirs.values())), level)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment for the family of these tests (Scandinavian Journal of Statistics 6, 1979)."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _paired(differences: Sequence[float], level: float) -> Difference:
    found = estimate(differences, level)
    if found.low is None or found.sd is None:
        return Difference(found.mean, pairs=found.n, why_not="every shared seed gives the same difference")
    p = _p_value(found.mean / (found.sd / math.sqrt(found.n)), found.n - 1)
    return Difference(found.mean, found.low, found.high, p, "paired t", found.n)


def _welch(ours: Estimate, theirs: Estimate, level: float) -> Difference:
    """Degrees of freedom after Welch (Biometrika 34, 1947) and Satterthwaite."""
    value = ours.mean - theirs.mean
    if ours.sd is None or theirs.sd is None:
        return Difference(value, why_not="needs two seeds of each")
    if max(ours.sd, theirs.sd) < NO_SPREAD:
        return Difference(value, why_not="the seeds of each show no spread")
    a, b = ours.sd**2 / ours.n, theirs.sd**2 / theirs.n
    freedom = (a + b) ** 2 / (a**2 / (ours.n - 1) + b**2 / (theirs.n - 1))
    error = math.sqrt(a + b)
    half = _quantile(freedom, level) * error
    return Difference(value, value - half, value + half, _p_value(value / error, freedom), "Welch t")


def _quantile(freedom: float, level: float) -> float:
    return float(stdtrit(freedom, (1 + level) / 2))


def _p_value(t: float, freedom: float) -> float:
    return 2 * float(stdtr(freedom, -abs(t)))
