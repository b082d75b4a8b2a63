from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import stats

from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.read.load import load
from lkca_exp.report.read.predictions import Predictions
from lkca_exp.report.sections.agreement import Agreement, agreements, combined, mcnemar
from lkca_exp.report.sections.classes import accuracy_by_class, confusion


@pytest.mark.parametrize(("ours", "theirs"), [(1, 9), (9, 1), (5, 5), (0, 6), (30, 52), (1, 0)])
def test_mcnemar_is_the_exact_binomial_test(ours, theirs):
    assert mcnemar(ours, theirs) == pytest.approx(stats.binomtest(ours, ours + theirs).pvalue)


def test_mcnemar_by_hand():
    """No image of six tells against: twice one sixty-fourth."""
    assert mcnemar(0, 6) == pytest.approx(2 / 64)
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(
    ("p_values", "one"),
    [([0.03], 0.03), ([0.01, 0.9], 0.02), ([0.01, 0.02, 0.9], 0.03), ([0.9, 0.8, 0.7], 1.0), ([0.01] * 4, 0.02)],
)
def test_the_median_rule_by_hand(p_values, one):
    assert combined(p_values) == pytest.approx(one)


def test_the_median_rule_holds_under_dependence():
    """Of copies and of independent p-values alike at most 5 % come out below 0.05."""
    draw = random.Random(1)
    for share in (0.0, 0.5, 1.0):
        found = 0
        for _ in range(4000):
            common = draw.random()
            found += combined([common if draw.random() < share else draw.random() for _ in range(3)]) < 0.05
        assert found / 4000 <= 0.06


def predictions(right: list[int]) -> Predictions:
    """1: right, 0: wrong, of ten classes in turn."""
    labels = np.arange(len(right)) % 10
    return Predictions(labels, np.where(np.array(right) == 1, labels, (labels + 1) % 10))


@pytest.fixture
def setting(compared):
    return summarise(*load([compared])).settings[0]


def pair(setting, ours: list[list[int]], theirs: list[list[int]]) -> list[Agreement]:
    """`ours` and `theirs` by seed."""
    lkca, attention = setting.variants
    found = {run.folder: predictions(one) for run, one in zip(lkca.counted, ours, strict=False)}
    found |= {run.folder: predictions(one) for run, one in zip(attention.counted, theirs, strict=False)}
    return agreements(setting, found)


def test_counts_are_means_over_the_seeds_that_both_have(setting):
    (found,) = pair(setting, [[1, 1, 1, 0], [1, 1, 0, 0]], [[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    assert (found.num_seeds, found.num_images) == (2, 4)
    assert (found.both_right, found.only_variant, found.only_baseline, found.both_wrong) == (1, 1.5, 0.5, 1)
    assert found.p == combined([mcnemar(2, 0), mcnemar(1, 1)])


def test_one_seed_gives_no_p_value(setting):
    (found,) = pair(setting, [[1] * 50], [[0] * 50])
    assert (found.num_seeds, found.p, found.p_holm) == (1, None, None)


def test_other_test_images_are_not_compared(setting):
    assert pair(setting, [[1, 1, 1]], [[1, 1]]) == []


def test_pairs_are_corrected_together(make_run, compared):
    for seed in range(3):
        make_run("lkca", seed, 0.9, config={"model.mixer.kernel_size": 3})
    setting = summarise(*load([compared])).settings[0]
    right = {"attention": [0] * 7 + [1] * 13, "lkca": [1] * 20}
    found = agreements(
        setting, {run.folder: predictions(right[variant.mixer]) for variant in setting.variants for run in variant.runs}
    )
    p = 1.5 * mcnemar(7, 0)
    assert [one.p for one in found] == [pytest.approx(p)] * 2
    assert [one.p_holm for one in found] == [pytest.approx(2 * p)] * 2


def test_classes_and_confusion_by_hand(setting):
    lkca, _ = setting.variants
    labels = np.array([0, 0, 1, 1, 1, 3])
    found = {lkca.counted[0].folder: Predictions(labels, np.array([0, 1, 1, 1, 1, 0]))}
    found[lkca.counted[1].folder] = Predictions(labels, np.array([0, 0, 1, 1, 0, 3]))
    assert confusion(lkca, found, 4).tolist() == [[3, 1, 0, 0], [1, 5, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]]
    zero, one, two, three = accuracy_by_class(lkca, found, 4)
    assert (zero.mean, zero.n, three.mean, two) == (0.75, 2, 0.5, None)
    assert one.mean == pytest.approx((1 + 2 / 3) / 2)


def test_no_predictions_no_confusion(setting):
    assert confusion(setting.variants[0], {}, 10) is None
