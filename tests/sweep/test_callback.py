from __future__ import annotations

from datetime import UTC, datetime

from lkca_exp.runs.handover import Handover, Journal
from lkca_exp.sweep.callback import progress_line


def test_how_far_a_sweep_is(tmp_path):
    """Three of 24 jobs in a minute: the other 21 take seven."""
    begun, now = "2026-01-02T03:04:00.000+00:00", datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
    sweep = Handover(journal=str(tmp_path / "journal.jsonl"), num_jobs=24, begun=begun)
    assert progress_line(Handover(), now) == progress_line(sweep, now) == ""
    for error in (None, "an error", None):
        Journal(tmp_path / "journal.jsonl").note(error)
    assert progress_line(sweep, now) == "3 of 24 jobs done, about 7 min left"
