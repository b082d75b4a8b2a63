from __future__ import annotations

import os
from dataclasses import replace

import pytest

from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.compare.progress import Progress, progress
from lkca_exp.report.read.load import load
from lkca_exp.runs.record import Attempt

START = 1_767_323_045.0  # 2026-01-02T03:04:05Z
ATTEMPT = Attempt(started="2026-01-02T03:04:05+00:00", host="here")


def found(study, now: float) -> list[Progress]:
    return progress(summarise(*load([study])), now)


def running(make_run, seconds: float, **changes):
    """Three epochs of ten in so many seconds."""
    options = {"status": "running", "config": {"epochs": 10}, "attempts": (ATTEMPT,)} | changes
    folder = make_run("lkca", 0, None, **options)
    os.utime(folder / "metrics.jsonl", (START + seconds, START + seconds))
    return folder.parent


def test_time_left_goes_by_the_pace_so_far(make_run):
    (one,) = found(running(make_run, 60), START + 70)
    assert (one.epochs_done, one.epochs) == (3, 10)
    assert one.seconds_silent == 10
    assert one.seconds_left == pytest.approx(7 * 20 - 10)


def test_a_continued_run_goes_by_its_own_pace(make_run):
    (one,) = found(running(make_run, 60, attempts=(replace(ATTEMPT, from_epoch=1),)), START + 60)
    assert one.seconds_left == pytest.approx(7 * 30)


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": []},
        {"attempts": (replace(ATTEMPT, from_epoch=3),)},
        {"status": "interrupted"},
    ],
)
def test_no_forecast_without_ground(make_run, changes):
    (one,) = found(running(make_run, 60, **changes), START + 70)
    assert one.seconds_left is None


def test_running_runs_come_first_and_finished_ones_not_at_all(make_run, compared):
    make_run("lkca", 3, None, status="failed")
    make_run("lkca", 4, None, status="running")
    assert [one.run.status for one in found(compared, START)] == ["running", "failed"]
