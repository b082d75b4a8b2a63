from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lkca_exp.runs.listing import totals
from lkca_exp.runs.record import read
from lkca_exp.runs.state import RunState, State
from tests.report.conftest import write_run


def test_jobs_that_have_not_started_are_counted_and_timed(tmp_path):
    """Two run, with 10 and 30 s left; four more of 50 s each: (10 + 30 + 4 * 50) / 2 = 120 s."""
    record = read(write_run(tmp_path, "lkca", 0, 0.9))
    finished = RunState(Path("a"), State.FINISHED, record, seconds=50.0)
    running = RunState(Path("b"), State.RUNNING, record, seconds_left=10.0)
    runs = [finished, running, replace(running, seconds_left=30.0)]
    assert totals(runs).endswith("the last of those running ends in about 0:00:30")
    assert totals(runs, waiting=4) == (
        "3 runs: 2 running, 1 finished; 4 more of the sweep not started; time 0:00:50; the sweep ends in about 0:02:00"
    )
