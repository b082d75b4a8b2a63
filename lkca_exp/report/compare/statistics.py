"""Means over seeds, differences between variants, and how sure they are.

All intervals are two-sided Student-t intervals over seeds: they cover the spread that initial weights, order and
augmentation cause, not that of another training or test set. Values are in the unit they come in.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

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
