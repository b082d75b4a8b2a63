"""What "significant" means: of studies in which nothing is different, one in twenty says otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.compare.variant import Summary
from lkca_exp.report.read.load import Run, read_run

NUM_STUDIES = 2000
NUM_CHECKED = 20
TEST_IMAGES = 1000


@pytest.fixture
def example(make_run) -> Run:
    return read_run(make_run())


def accuracies(draw: np.random.Generator, studies: int, variants: int, data_sets: int, seeds: int, common: float):
    """(studies, data sets, variants, seeds) of models that are all as good: accuracies spread as trainings do, on a
    finite number of test images. `common` is what a seed brings about in all models, beside what it does in each."""
    shared = draw.normal(0, 0.01 * common, (studies, data_sets, 1, seeds))
    own = draw.normal(0, 0.01, (studies, data_sets, variants, seeds))
    return np.round((0.8 + shared + own) * TEST_IMAGES) / TEST_IMAGES


def smallest_p(values: np.ndarray, paired: bool) -> np.ndarray:
    """(studies,): the smallest p-value of each study, corrected for all of its tests as Holm corrects the smallest.
    Models without any spread, or whose seeds all differ by the same amount, are not tested."""
    others, baseline = values[:, :, 1:], values[:, :, :1]
    if paired:
        untested = np.ptp(others - baseline, axis=-1) < 1e-12
        p = stats.ttest_rel(others, baseline, axis=-1).pvalue
    else:
        untested = np.maximum(np.ptp(others, axis=-1), np.ptp(baseline, axis=-1)) < 1e-12
        p = stats.ttest_ind(others, baseline, axis=-1, equal_var=False).pvalue
    p = np.where(untested, np.nan, p).reshape(len(values), -1)
    return np.nanmin(p, axis=1) * np.isfinite(p).sum(axis=1)


def summary_of(values: np.ndarray, example: Run, paired: bool) -> Summary:
    """The report of one study, (data sets, variants, seeds) accuracies: attention with half of the learning rates,
    which come first, and LKCA with the other half."""
    runs = []
    for (data, place, seed), accuracy in np.ndenumerate(values):
        mixer = "attention" if place < values.shape[1] / 2 else "lkca"
        keys = {"model.mixer.name": mixer, "optim.lr": place, "data.name": f"d{data}", "protocol.name": "final"}
        names = {"group": f"{data}-{place}", "folder": example.folder.with_name(f"{data}-{place}-{seed}")}
        metrics = {"test/top1": float(accuracy)}
        runs.append(replace(example, **names, place=place, seed=seed, config=keys, metrics=metrics))
    return summarise(runs, (), Choice(paired=paired))


def finds_a_difference(summary: Summary) -> bool:
    return any(variant.comparison and variant.comparison.is_significant for variant in summary.variants)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of scipy, for pairs without spread
@pytest.mark.parametrize(
    ("variants", "data_sets", "seeds", "common", "paired"),
    [
        (2, 1, 3, 0, False),
        (2, 1, 5, 0, False),
        (12, 1, 3, 0, False),
        (12, 1, 5, 0.5, False),
        (3, 3, 3, 0, False),
        (2, 1, 3, 1, True),
        (12, 1, 3, 1, True),
        (3, 3, 3, 1, True),
    ],
)
def test_without_a_true_difference_few_studies_find_one(example, variants, data_sets, seeds, common, paired):
    """5 % nominal; 6 % is two standard deviations of the share above it.

    The shares are of scipy's tests over all studies at once. The report has to find a difference where they do: it is
    asked about all studies near the limit, and some of the others."""
    values = accuracies(np.random.default_rng(20), NUM_STUDIES, variants, data_sets, seeds, common)
    p = smallest_p(values, paired)
    asked = sorted({*np.flatnonzero(p < 0.06), *range(NUM_CHECKED)})
    found = [index for index in asked if finds_a_difference(summary_of(values[index], example, paired))]
    assert found == list(np.flatnonzero(p < 0.05))
    print(f"{variants} variants, {data_sets} data sets, {seeds} seeds: {100 * len(found) / NUM_STUDIES:.1f} %")
    assert 0 < len(found) / NUM_STUDIES <= 0.06


def test_a_true_difference_is_found(example):
    """Else the test above would hold for a report that never finds anything."""
    values = accuracies(np.random.default_rng(21), 100, 2, 1, 5, common=0)
    values[:, :, 1] += 0.05
    for paired in (False, True):
        assert np.mean([finds_a_difference(summary_of(study, example, paired)) for study in values]) > 0.9
