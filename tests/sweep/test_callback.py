from __future__ import annotations

from datetime import UTC, datetime

import pytest
from omegaconf import OmegaConf

from lkca_exp.runs.handover import Handover, Journal
from lkca_exp.sweep.callback import done_so_far, progress_line

BEGUN, NOW = "2026-01-02T03:04:00.000+00:00", datetime(2026, 1, 2, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize(("images", "left"), [((100, 100, 100), "7 min"), ((10, 50, 30), "26 min")])
def test_how_far_a_sweep_is(tmp_path, images, left):
    """Three of 24 jobs in a minute: the other 21 take seven, but longer if they have more images to train on."""
    sweep = Handover(journal=str(tmp_path / "journal.jsonl"), num_jobs=24, images=2400, begun=BEGUN)
    settings = OmegaConf.create()
    assert done_so_far(Handover(), settings) == done_so_far(sweep, settings) == (0, 0)
    assert progress_line(Handover(), 0, 0, NOW) == progress_line(sweep, 0, 0, NOW) == ""
    for error, number in zip((None, "an error", None), images, strict=True):
        Journal(tmp_path / "journal.jsonl").note(error, number)
    assert progress_line(sweep, *done_so_far(sweep, settings), NOW) == f"3 of 24 jobs done, about {left} left"


@pytest.mark.parametrize(("n_jobs", "number", "done"), [(1, 0, 0), (1, 7, 7), (3, 2, 0), (3, 3, 3), (3, 8, 6)])
def test_trials_of_earlier_batches_are_done(n_jobs, number, done):
    settings = OmegaConf.create({"sweeper": {"n_jobs": n_jobs}, "job": {"num": number}})
    assert done_so_far(Handover(num_jobs=24, begun=BEGUN), settings) == (done, done / 24)
