"""What "significant" means: of studies in which nothing is different, one in twenty says otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from lkca_exp.report.compare.aggregate import Summary, summarise
from lkca_exp.report.read.load import Run, read_run

NUM_STUDIES = 2000
NUM_CHECKED = 20
TEST_IMAGES = 1000


@pytest.fixture
def example(make_run) -> Run:
    return read_run(make_run())


def accuracies(draw: np.random.Generator, studies: int, mixers: int, data_sets: int, seeds: int, shared: bool):
    """(studies, data sets, mixers, seeds) of models that are all as good: accuracies spread as trainings do, on a
    finite number of test images. What a seed brings about is in part the same for all models, if seeds are shared."""
    common = draw.normal(0, 0.01, (studies, data_sets, 1, seeds))
    own = draw.normal(0, 0.01, (studies, data_sets, mixers, seeds))
    return np.round((0.8 + shared * common + own) * TEST_IMAGES) / TEST_IMAGES


def smallest_p(values: np.ndarray, shared: bool) -> np.ndarray:
    """(studies,): the smallest p-value of each study, corrected for all of its tests as Holm corrects the smallest. A
    pair of models whose seeds all differ by the same amount is not tested."""
    others, baseline = values[:, :, 1:], values[:, :, :1]
    same = np.ptp(others - baseline, axis=-1) < 1e-12
    if shared:
        p = np.where(same, np.nan, stats.ttest_rel(others, baseline, axis=-1).pvalue)
    else:
        p = stats.ttest_ind(others, baseline, axis=-1, equal_var=False).pvalue
    p = p.reshape(len(values), -1)
    return np.nanmin(p, axis=1) * np.isfinite(p).sum(axis=1)


def summary_of(values: np.ndarray, example: Run, shared: bool) -> Summary:
    """The report of one study, (data sets, mixers, seeds) accuracies."""
    runs = []
    for (data, mixer, seed), accuracy in np.ndenumerate(values):
        keys = {"model.mixer.name": f"m{mixer}", "data.name": f"d{data}", "protocol.name": "final"}
        names = {"group": f"{data}-{mixer}", "folder": example.folder.with_name(f"{data}-{mixer}-{seed}")}
        number = seed if shared else seed + 10 * mixer
        runs.append(replace(example, **names, seed=number, config=keys, metrics={"test/top1": float(accuracy)}))
    return summarise(runs, ())


def finds_a_difference(summary: Summary) -> bool:
    return any(variant.comparison and variant.comparison.is_significant for variant in summary.variants)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of scipy, for pairs without spread
@pytest.mark.parametrize(
    ("mixers", "data_sets", "seeds", "shared"),
    [(2, 1, 3, True), (4, 1, 3, True), (3, 3, 3, True), (2, 1, 5, False), (4, 1, 3, False)],
)
def test_without_a_true_difference_few_studies_find_one(example, mixers, data_sets, seeds, shared):
    """5 % nominal; 6 % is two standard deviations of the share above it.

    The shares are of scipy's tests over all studies at once. The report has to find a difference where they do: it is
    asked about all studies near the limit, and some of the others."""
    values = accuracies(np.random.default_rng(20), NUM_STUDIES, mixers, data_sets, seeds, shared)
    p = smallest_p(values, shared)
    asked = sorted({*np.flatnonzero(p < 0.06), *range(NUM_CHECKED)})
    found = [index for index in asked if finds_a_difference(summary_of(values[index], example, shared))]
    assert found == list(np.flatnonzero(p < 0.05))
    print(f"{mixers} mixers, {data_sets} data sets, {seeds} seeds: {100 * len(found) / NUM_STUDIES:.1f} %")
    assert 0 < len(found) / NUM_STUDIES <= 0.06


def test_a_true_difference_is_found(example):
    """Else the test above would hold for a report that never finds anything."""
    values = accuracies(np.random.default_rng(21), 100, 2, 1, 5, shared=True)
    values[:, :, 1] += 0.05
    assert np.mean([finds_a_difference(summary_of(study, example, shared=True)) for study in values]) > 0.9
