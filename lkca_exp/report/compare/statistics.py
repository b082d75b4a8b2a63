"""Means over seeds, differences between variants, and how sure they are.

All intervals are two-sided Student-t intervals over seeds: they cover the spread that initial weights, order and
augmentation cause, not that of another training or test set. Values are in the unit they come in.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import nctdtr, nctdtrinc, stdtr, stdtrit

LEVEL = 0.95
POWER = 0.8
"""How likely a test is to find a difference that it is said to be able to find."""
MOST_SEEDS = 100
"""More than this is no number to plan with."""
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
    `why_not` says why. `pairs` counts the shared seeds that a paired method used. `error` is the standard error of the
    value and `freedom` its degrees of freedom; `sds` are the standard deviations behind it: of both sides, or of the
    differences of pairs."""

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    method: str = ""
    pairs: int = 0
    why_not: str = ""
    error: float = 0.0
    freedom: float = 0.0
    sds: tuple[float, ...] = ()


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
    half = float(stdtrit(n - 1, (1 + level) / 2)) * sd / math.sqrt(n)
    return Estimate(n, mean, sd, mean - half, mean + half)


def difference(
    ours: Mapping[int, float], theirs: Mapping[int, float], level: float = LEVEL, paired: bool = False
) -> Difference:
    """Difference of two variants, each given as seed -> value: of the means over all runs, with unequal variances
    (Welch). With `paired`, where both have the same seeds, two or more, by the one-sample t on their differences. No
    run is left out. Raises ValueError if either has no values.
    """
    if paired and can_pair(ours, theirs):
        return _paired([ours[seed] - theirs[seed] for seed in sorted(ours)], level)
    return _welch(list(ours.values()), list(theirs.values()), level)


def can_pair(ours: Mapping[int, float], theirs: Mapping[int, float]) -> bool:
    """Whether both have the same seeds, and two or more."""
    return len(ours) >= 2 and ours.keys() == theirs.keys()


def detectable(difference: Difference, alpha: float, power: float = POWER) -> float | None:
    """The smallest true difference that a test at level `alpha` finds with this power, given the spread and the number
    of these runs: its noncentral t puts `power` above the critical value. None where there was no test."""
    if not difference.method:
        return None
    critical = stdtrit(difference.freedom, 1 - alpha / 2)
    return float(nctdtrinc(difference.freedom, 1 - power, critical)) * difference.error


def seeds_to_detect(difference: Difference, alpha: float, power: float = POWER) -> int | None:
    """The fewest seeds of each variant with which a test at level `alpha` finds a true difference of the size that was
    observed with this power, if the spread stays what it is; None where there was no test or `MOST_SEEDS` are not
    enough."""
    if not difference.method:
        return None
    n = np.arange(2, MOST_SEEDS + 1)
    squares = [sd**2 for sd in difference.sds]
    freedom = (n - 1) * (sum(squares) ** 2 / sum(square**2 for square in squares))
    away = abs(difference.value) / np.sqrt(sum(squares) / n)
    enough = nctdtr(freedom, away, stdtrit(freedom, 1 - alpha / 2)) <= 1 - power
    return int(n[enough][0]) if enough.any() else None


def equivalence_p(difference: Difference, margin: float) -> float | None:
    """The p-value of two one-sided tests for a true difference within +-`margin` (TOST; Schuirmann, Journal of
    Pharmacokinetics and Biopharmaceutics 15, 1987). None where there was no test."""
    if not difference.method:
        return None
    value, error = difference.value, difference.error
    return float(stdtr(difference.freedom, max(value - margin, -value - margin) / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment for the family of these tests (Scandinavian Journal of Statistics 6, 1979)."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _paired(differences: Sequence[float], level: float) -> Difference:
    estimated = estimate(differences, level)
    if estimated.low is None or estimated.sd is None:
        return Difference(estimated.mean, pairs=estimated.n, why_not="every shared seed gives the same difference")
    from scipy import stats  # takes half a second

    test = stats.ttest_1samp(differences, 0.0)
    low, high = map(float, test.confidence_interval(level))
    return Difference(
        estimated.mean,
        low,
        high,
        float(test.pvalue),
        "paired t",
        pairs=estimated.n,
        error=estimated.sd / math.sqrt(estimated.n),
        freedom=estimated.n - 1,
        sds=(estimated.sd,),
    )


def _welch(ours: Sequence[float], theirs: Sequence[float], level: float) -> Difference:
    a, b = estimate(ours, level), estimate(theirs, level)
    value = a.mean - b.mean
    if a.sd is None or b.sd is None:
        return Difference(value, why_not="needs two seeds of each")
    if max(a.sd, b.sd) < NO_SPREAD:
        return Difference(value, why_not="the seeds of each show no spread")
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the one without spread, which the other makes up for
        test = stats.ttest_ind(ours, theirs, equal_var=False)
        low, high = map(float, test.confidence_interval(level))
    return Difference(
        value,
        low,
        high,
        float(test.pvalue),
        "Welch t",
        error=math.sqrt(a.sd**2 / a.n + b.sd**2 / b.n),
        freedom=float(test.df),
        sds=(a.sd, b.sd),
    )
