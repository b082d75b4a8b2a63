from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lkca_exp.report.compare.statistics import difference, estimate, holm

VALUES = [0.961, 0.953, 0.970, 0.948]
samples = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=2, max_size=8).filter(
    lambda values: max(values) - min(values) > 1e-6
)


def test_estimate_by_hand():
    """1, 2, 3: mean 2, sd 1, t(2, 0.975) = 4.3027 from a printed table, so 2 +- 4.3027 / sqrt(3)."""
    found = estimate([1.0, 2.0, 3.0])
    assert (found.n, found.mean, found.sd) == (3, 2.0, 1.0)
    assert found.low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert found.high == pytest.approx(2 + 2.4841, abs=1e-4)


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
