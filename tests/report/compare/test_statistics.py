from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lkca_exp.report.compare.statistics import (
    Difference,
    detectable,
    difference,
    equivalence_p,
    estimate,
    holm,
    seeds_to_detect,
)

VALUES = [0.961, 0.953, 0.970, 0.948]
patient = settings(deadline=None)  # as a busy machine may be slow
samples = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=2, max_size=8).filter(
    lambda values: max(values) - min(values) > 1e-6
)


def test_estimate_by_hand():
    """1, 2, 3: mean 2, sd 1, t(2, 0.975) = 4.3027 from a printed table, so 2 +- 4.3027 / sqrt(3)."""
    found = estimate([1.0, 2.0, 3.0])
    assert (found.n, found.mean, found.sd) == (3, 2.0, 1.0)
    assert found.low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert found.high == pytest.approx(2 + 2.4841, abs=1e-4)


@patient
@given(samples)
def test_estimate_agrees_with_scipy(values):
    found = estimate(values)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.sd == pytest.approx(stats.tstd(values), rel=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(interval), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("values", [[0.98], [0.98, 0.98], [0.1 + 0.2, 0.3]])
def test_no_interval_without_spread(values):
    found = estimate(values)
    assert found.mean == pytest.approx(values[0])
    assert found.low is None
    assert found.high is None


def test_one_value_has_no_standard_deviation():
    assert estimate([0.98]).sd is None


def test_nothing_has_no_mean():
    with pytest.raises(ValueError, match="no values"):
        estimate([])


def test_pairs_on_request():
    ours, theirs = {0: 0.98, 1: 0.99, 2: 0.97}, {2: 0.95, 0: 0.95, 1: 0.97}
    found = difference(ours, theirs, paired=True)
    reference = stats.ttest_rel([0.98, 0.99, 0.97], [0.95, 0.97, 0.95])
    assert (found.method, found.pairs) == ("paired t", 3)
    assert found.value == pytest.approx((0.03 + 0.02 + 0.02) / 3)
    assert found.p == pytest.approx(reference.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval(0.95)))


@pytest.mark.parametrize(("shift", "paired"), [(0, False), (10, True), (2, True), (-1, True)])
def test_welch_over_all_runs_otherwise(shift, paired):
    """Not all seeds are shared where pairs are asked for: none, one, all but one of ours and theirs."""
    ours = dict(enumerate(VALUES))
    theirs = {seed + shift: value for seed, value in enumerate([0.90, 0.93, 0.925])}
    found = difference(ours, theirs, paired=paired)
    reference = stats.ttest_ind(VALUES, list(theirs.values()), equal_var=False)
    assert (found.method, found.pairs) == ("Welch t", 0)
    assert found.value == pytest.approx(0.958 - 0.918333333)
    assert found.p == pytest.approx(reference.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval(0.95)))


@pytest.mark.parametrize(
    ("ours", "theirs", "why"),
    [
        ({0: 0.98}, {0: 0.95}, "two seeds"),
        ({0: 0.98, 1: 0.97}, {0: 0.95}, "two seeds"),
        ({0: 0.98, 1: 0.97}, {0: 0.95, 1: 0.94}, "same difference"),
        ({0: 0.98, 1: 0.98}, {0: 0.95, 1: 0.95}, "no spread"),
    ],
)
def test_no_interval_and_no_p_value_where_there_is_no_ground_for_one(ours, theirs, why):
    found = difference(ours, theirs, paired="same" in why)
    assert found.value == pytest.approx(0.03, abs=0.006)
    assert (found.low, found.high, found.p, found.method) == (None, None, None, "")
    assert why in found.why_not


@patient
@given(samples, samples)
def test_difference_turns_its_sign_with_its_sides(a, b):
    forth, back = difference(dict(enumerate(a)), dict(enumerate(b))), difference(dict(enumerate(b)), dict(enumerate(a)))
    assert forth.value == pytest.approx(-back.value, abs=1e-12)
    if forth.low is not None and back.high is not None:
        assert forth.low == pytest.approx(-back.high, abs=1e-9)


def test_holm_by_hand():
    """Smallest first: 4 * 0.01, 3 * 0.015, then 2 * 0.02 raised to the one before, then 0.9."""
    assert holm([0.9, 0.01, 0.02, 0.015]) == pytest.approx([0.9, 0.04, 0.045, 0.045])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@pytest.mark.parametrize("paired", [True, False])
def test_ninety_five_percent_means_that(paired):
    """The interval holds the true difference, 2, in 95 % of 2,000 experiments of 3 seeds (sd of the share: 0.5 %)."""
    draw, hits = random.Random(5), 0
    for _ in range(2000):
        seeds = [draw.gauss(0, 1) if paired else 0.0 for _ in range(3)]
        ours = {seed: 2 + common + draw.gauss(0, 0.7) for seed, common in enumerate(seeds)}
        theirs = {seed: common + draw.gauss(0, 0.7) for seed, common in enumerate(seeds)}
        found = difference(ours, theirs, paired=paired)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 2 <= found.high
    assert math.isclose(hits / 2000, 0.95, abs_tol=0.02)


def unit_difference(n: int, sides: int, value: float = 1.0) -> Difference:
    """Of n seeds with a standard deviation of 1 on one side (pairs) or two."""
    error, freedom = math.sqrt(sides / n), sides * (n - 1)
    return Difference(value, 0, 0, 0.5, "t", error=error, freedom=freedom, sds=(1.0,) * sides)


@pytest.mark.parametrize(
    ("value", "sides", "power", "seeds"),
    [
        (0.5, 2, 0.8, 64),  # Cohen, Statistical Power Analysis (1988), table 2.4.1: 64, 26
        (0.8, 2, 0.8, 26),
        (0.5, 1, 0.8, 34),  # the manual of G*Power, one sample: 34
        (1.0, 2, 0.9, 23),  # R, help page of power.t.test: n = 22.02110
        (0.2, 2, 0.8, None),  # Cohen: 393
    ],
)
def test_seeds_to_detect_are_those_of_published_tables(value, sides, power, seeds):
    assert seeds_to_detect(unit_difference(3, sides, value), 0.05, power) == seeds


def test_what_is_detectable_is_what_published_tables_say():
    """R, help page of power.t.test: n = 20 in each group find a difference of one standard deviation with a power of
    0.8689528."""
    assert detectable(unit_difference(20, 2), 0.05, power=0.8689528) == pytest.approx(1.0, abs=1e-5)


def test_a_difference_that_is_detectable_is_found_as_often_as_that_says():
    """4,000 experiments with unequal sides by Welch's t at a corrected level: 80 %, give or take 1.3 (two sd)."""
    draw = np.random.default_rng(3)
    a, b = draw.normal(0, 1, (4000, 6)), draw.normal(0, 1, (4000, 4))
    true = Difference(0, 0, 0, 0.5, "Welch t", error=math.sqrt(1 / 6 + 1 / 4), freedom=8, sds=(1, 1))
    smallest = detectable(true, 0.05 / 3)
    p = stats.ttest_ind(a + smallest, b, axis=1).pvalue
    assert np.mean(p < 0.05 / 3) == pytest.approx(0.8, abs=0.02)


def test_two_one_sided_tests_as_published():
    """Lakens, Social Psychological and Personality Science 8 (2017), the example of Brandt and others: means 5.25 and
    5.22, standard deviations 0.95 and 0.83 of 95 and 89, bounds of 0.43 standard deviations: t = -2.69, p = 0.004."""
    error = math.sqrt(0.95**2 / 95 + 0.83**2 / 89)
    margin = 0.43 * math.sqrt((0.95**2 + 0.83**2) / 2)
    found = Difference(5.25 - 5.22, 0, 0, 0.8, "Welch t", error=error, freedom=181, sds=(0.95, 0.83))
    assert (found.value - margin) / error == pytest.approx(-2.69, abs=0.005)
    assert equivalence_p(found, margin) == pytest.approx(0.004, abs=0.0005)


@patient
@given(samples, samples, st.floats(1e-3, 1))
def test_equivalence_is_an_interval_of_ninety_percent_inside_the_margin(a, b, margin):
    ours, theirs = dict(enumerate(a)), dict(enumerate(b))
    narrow = difference(ours, theirs, level=0.9)
    p = equivalence_p(difference(ours, theirs), margin)
    if narrow.low is not None and narrow.high is not None and p is not None and abs(p - 0.05) > 1e-6:
        assert (p < 0.05) == (-margin < narrow.low and narrow.high < margin)


def test_without_a_test_there_is_no_power():
    one = difference({0: 0.98}, {0: 0.95})
    assert (detectable(one, 0.05), seeds_to_detect(one, 0.05), equivalence_p(one, 0.01)) == (None, None, None)
