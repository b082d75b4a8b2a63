"""What "significant" means: of studies in which nothing is different, one in twenty says otherwise."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.read.load import Run, read_run

NUM_STUDIES = 2000
TEST_IMAGES = 1000


@pytest.fixture
def example(make_run) -> Run:
    return read_run(make_run())


def study(draw: random.Random, example: Run, mixers: int, data_sets: int, seeds: int, shared: bool) -> list[Run]:
    """Runs of models that are all as good: accuracies spread as trainings do, on a finite number of test images. What
    a seed brings about is in part the same for all models, if seeds are shared."""
    runs = []
    for data in range(data_sets):
        common = [draw.gauss(0, 0.01) for _ in range(seeds)]
        for mixer in range(mixers):
            for seed in range(seeds):
                accuracy = 0.8 + (common[seed] if shared else 0) + draw.gauss(0, 0.01)
                keys = {"model.mixer.name": f"m{mixer}", "data.name": f"d{data}", "protocol.name": "final"}
                name = seed if shared else seed + 10 * mixer
                metrics = {"test/top1": round(accuracy * TEST_IMAGES) / TEST_IMAGES}
                group, folder = f"{data}-{mixer}", example.folder.with_name(f"{data}-{mixer}-{seed}")
                runs.append(replace(example, folder=folder, group=group, seed=name, config=keys, metrics=metrics))
    return runs


@pytest.mark.parametrize(
    ("mixers", "data_sets", "seeds", "shared"),
    [(2, 1, 3, True), (4, 1, 3, True), (3, 3, 3, True), (2, 1, 5, False), (4, 1, 3, False)],
)
def test_without_a_true_difference_few_studies_find_one(example, mixers, data_sets, seeds, shared):
    """5 % nominal; 6 % is two standard deviations of the share above it."""
    draw = random.Random(20)
    found = 0
    for _ in range(NUM_STUDIES):
        summary = summarise(study(draw, example, mixers, data_sets, seeds, shared), ())
        found += any(variant.comparison and variant.comparison.told_apart for variant in summary.variants)
    print(f"{mixers} mixers, {data_sets} data sets, {seeds} seeds: {100 * found / NUM_STUDIES:.1f} %")
    assert found / NUM_STUDIES <= 0.06


def test_a_true_difference_is_found(example):
    """Else the test above would hold for a report that never finds anything."""
    draw, found = random.Random(21), 0
    for _ in range(200):
        runs = study(draw, example, 2, 1, 5, shared=True)
        better = [
            replace(run, metrics={"test/top1": run.metrics["test/top1"] + 0.05 * (run.group == "0-1")}) for run in runs
        ]
        found += any(variant.comparison and variant.comparison.told_apart for variant in summarise(better, ()).variants)
    assert found / 200 > 0.9
