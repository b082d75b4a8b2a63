"""The state of a run: the status in its record, and whether a process holds it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from lkca_exp.runs.lock import is_held
from lkca_exp.runs.record import Damaged, Record, read, with_killed
from lkca_exp.runs.rows import read_rows

LAST, BEFORE_LAST = "last.ckpt", "before_last.ckpt"
"""In `checkpoints/`."""


class State(StrEnum):
    """`NEW`: there is no record. `KILLED`: its process ended without noting so. `DAMAGED`: its record
    cannot be used."""

    NEW = "new"
    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    KILLED = "killed"
    DAMAGED = "damaged"


ENDED = (State.FINISHED, State.FAILED)
"""Those that a sweep does not go on with."""


@dataclass(frozen=True)
class RunState:
    """A run at one moment.

    `record` is None where there is none that can be used (`reason` says why); of a killed run it says so, as do its
    attempts. `epochs_done` are those that would not be trained again, of `epochs` (0 without a record). `seconds` have
    been spent on it, as far as is known; `seconds_left` is an estimate, for a running run that has ended an epoch.
    """

    folder: Path
    state: State
    record: Record | None
    epochs_done: int = 0
    epochs: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """`study/name`."""
        return "/".join(self.folder.absolute().parts[-2:])

    @property
    def top1(self) -> float | None:
        """Test top-1 accuracy, a fraction; None as long as there is none."""
        return self.record.metrics.get("test/top1") if self.record else None

    @property
    def error(self) -> str:
        """Type and first line of the error of a failed run, or the reason of a damaged one; else empty."""
        lines = str(self.record.error).splitlines() if self.record and self.record.error else [self.reason]
        return lines[0] if lines else ""


def judge(recorded: State, held: bool) -> State:
    """The state of a run, from that in its record (`NEW`: there is none) and whether a process holds it."""
    if recorded is State.FINISHED:
        return recorded
    if held:
        return State.RUNNING
    return State.KILLED if recorded is State.RUNNING else recorded


def snapshot(folder: Path) -> tuple[Record | Damaged | None, bool]:
    """The record in `folder` and whether a process holds the run, both of one moment; of a run that nobody holds any
    more the record says that it was killed."""
    record, held = read(folder), False
    while not (isinstance(record, Record) and record.status == "finished"):
        held = is_held(folder)
        if held or (again := read(folder)) == record:
            break
        record = again  # it began or ended between the two reads
    if isinstance(record, Record) and record.status == "running" and not held:
        record = replace(record, status="killed", attempts=with_killed(record.attempts))
    return record, held


def run_state(folder: Path) -> RunState:
    """The state of the run in `folder`, which need not exist; writes nothing."""
    record, held = snapshot(folder)
    if record is None:
        return RunState(folder, judge(State.NEW, held), None)
    if isinstance(record, Damaged):
        return RunState(folder, judge(State.DAMAGED, held), None, reason=record.reason)
    state = judge(State(record.status), held)
    epochs, seconds = planned_epochs(record.config), record.timings.seconds or 0.0
    if state is State.FINISHED:
        return RunState(folder, state, record, epochs, epochs, seconds)
    run = RunState(folder, state, record, min(epochs_done(folder), epochs), epochs, seconds)
    return _timed(run, record, time.time()) if state in (State.RUNNING, State.KILLED) else run


def epochs_done(folder: Path) -> int:
    """The epochs that a run would continue after, if its checkpoints are whole."""
    if not any((folder / "checkpoints" / name).exists() for name in (LAST, BEFORE_LAST)):
        return 0
    rows, _ = read_rows(folder / "metrics.jsonl")
    return rows[-1]["epoch"] + 1 if rows else 0


def planned_epochs(config: dict[str, Any]) -> int:
    """The epochs that a run of this configuration, as its record has it, trains for."""
    return 1 if config["trainer"].get("fast_run") else config["epochs"]


def _timed(run: RunState, record: Record, now: float) -> RunState:
    """A run with the time of an attempt that has noted no end, and an estimate of what is left of one that is running.
    The clock stands nowhere in its rows: they are timed by when the last one was written."""
    attempt = record.attempts[-1]
    if attempt.ended or not attempt.started:  # a process holds the run, and has not begun
        return run
    started = datetime.fromisoformat(attempt.started).timestamp()
    epochs = run.epochs_done - attempt.from_epoch
    last_row = (run.folder / "metrics.jsonl").stat().st_mtime if epochs > 0 else started
    until = now if run.state is State.RUNNING else last_row
    left = None
    if run.state is State.RUNNING and epochs > 0:
        an_epoch = (last_row - started) / epochs
        left = max(an_epoch * (run.epochs - run.epochs_done) - (now - last_row), 0.0)
    return replace(run, seconds=run.seconds + max(until - started, 0.0), seconds_left=left)
