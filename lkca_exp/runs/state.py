"""How a run stands: what its record says, held against whether a process is at it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from lkca_exp.runs import record as records
from lkca_exp.runs.files import read_rows
from lkca_exp.runs.lock import is_held


class State(StrEnum):
    """`NEW`: there is no record. `KILLED`: the process that was at it ended without a word. `DAMAGED`: its files
    cannot be read."""

    NEW = "new"
    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    KILLED = "killed"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class RunState:
    """A run at one moment. `record` is None where the state is new or damaged; its word on the last attempt is put
    right if that was killed. `epochs_done` are those that would not be trained again, of `epochs` (0 without a record).
    `seconds` have been spent on it, as far as is known; `seconds_left` is an estimate, of a running run only."""

    folder: Path
    state: State
    record: dict[str, Any] | None
    epochs_done: int = 0
    epochs: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None

    @property
    def name(self) -> str:
        """`study/name`."""
        return "/".join(self.folder.absolute().parts[-2:])

    @property
    def top1(self) -> float | None:
        """Test top-1 accuracy, a fraction; None as long as there is none."""
        return self.record["metrics"].get("test/top1") if self.record else None

    @property
    def error(self) -> str:
        """Type and first line of what a failed run raised; else empty."""
        told = self.record and self.record["error"]
        return f"{told['type']}: {told['message']}".splitlines()[0] if told else ""


def judge(said: State, held: bool) -> State:
    """The state of a run whose record says `said` (`NEW`: there is none), while a process holds it or not."""
    if said is State.FINISHED:
        return said
    if held:
        return State.RUNNING
    return State.KILLED if said is State.RUNNING else said


def look(folder: Path) -> RunState:
    """The state of the run in `folder`, which need not exist; writes nothing."""
    read = _read(folder)
    while not (held := is_held(folder)) and (again := _read(folder)) != read:
        read = again  # it began or ended between the two looks
    said, record = read
    state = judge(said, held)
    if record is None:
        return RunState(folder, state, None)
    epochs = planned_epochs(record["config"])
    seconds = record["timings"]["seconds"]
    if state is State.FINISHED:
        return RunState(folder, state, record, epochs, epochs, seconds)
    try:
        done = epochs_done(folder)
    except ValueError:
        return RunState(folder, State.DAMAGED, None)
    if state is State.KILLED:
        record = record | {"status": "killed", "attempts": records.with_killed(record["attempts"])}
    if state is not State.RUNNING:
        return RunState(folder, state, record, done, epochs, seconds)
    return _timed(RunState(folder, state, record, done, epochs, seconds), time.time())


def epochs_done(folder: Path) -> int:
    """The epochs that a run would continue after.

    Raises:
        ValueError: if metrics.jsonl is damaged.
    """
    if not (folder / "checkpoints" / "last.ckpt").exists():
        return 0
    rows = read_rows(folder / "metrics.jsonl")
    return rows[-1]["epoch"] + 1 if rows else 0


def planned_epochs(config: dict[str, Any]) -> int:
    """The epochs that a run of this configuration, as its record has it, trains for."""
    return 1 if config["trainer"]["fast_run"] else config["epochs"]


def _read(folder: Path) -> tuple[State, dict[str, Any] | None]:
    """What the record says, and the record."""
    record = records.read(folder)
    if record is None:
        return (State.DAMAGED if (folder / "run.json").exists() else State.NEW), None
    return State(record["status"]), record


def _timed(run: RunState, now: float) -> RunState:
    """A running run with the time of its present attempt and an estimate of what is left. The clock stands nowhere in
    its rows: they are timed by when the last one was written."""
    assert run.record is not None
    attempt = run.record["attempts"][-1]
    if attempt["ended"]:  # a process holds it, and has not begun
        return run
    started = datetime.fromisoformat(attempt["started"]).timestamp()
    left = None
    epochs = run.epochs_done - attempt["from_epoch"]
    if epochs > 0:
        last_row = (run.folder / "metrics.jsonl").stat().st_mtime
        an_epoch = (last_row - started) / epochs
        left = max(an_epoch * (run.epochs - run.epochs_done) - (now - last_row), 0.0)
    return replace(run, seconds=run.seconds + max(now - started, 0.0), seconds_left=left)
