"""All runs of some studies, the state of each, and totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lkca_exp.runs.state import RunState, State, run_state
from lkca_exp.runs.sweeps import num_not_started

COLOURS = {
    State.NEW: "dim",
    State.RUNNING: "cyan",
    State.FINISHED: "green",
    State.INTERRUPTED: "yellow",
    State.KILLED: "yellow",
    State.FAILED: "red",
    State.DAMAGED: "red",
}
WIDTH_WITH_ALL = 100


def print_status(studies: Mapping[Path, Sequence[Path]], console: Console) -> None:
    """A table a study and a line of totals; below a table, what was wrong with runs that failed."""
    runs, waiting = [], 0
    for study, folders in studies.items():
        here = [run_state(folder) for folder in folders]
        console.print(Text(str(study), style="bold"))
        console.print(table(here, wide=console.width >= WIDTH_WITH_ALL))
        for run in here:
            if run.error:
                console.print(Text(f"{run.folder.name}: {run.error}"), soft_wrap=True)
        runs += here
        waiting += num_not_started(study)
    console.print(Text(totals(runs, waiting)), soft_wrap=True)


def table(runs: Sequence[RunState], *, wide: bool) -> Table:
    """A row a run. The seed is in the name too, and left out of a narrow table; so is the time left where none runs."""
    columns: list[tuple[str, Callable[[RunState], str]]] = [
        ("epoch", lambda run: f"{run.epochs_done}/{run.epochs}" if run.record else ""),
        ("top-1 %", lambda run: "" if run.top1 is None else f"{100 * run.top1:.2f}"),
        ("time", lambda run: clock(run.seconds) if run.record else ""),
    ]
    if wide:
        columns.insert(2, ("seed", lambda run: str(run.record.seed) if run.record else ""))
    if any(run.state is State.RUNNING for run in runs):
        columns.append(("left", lambda run: "" if run.seconds_left is None else clock(run.seconds_left)))
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("run", overflow="fold")
    shown.add_column("state", no_wrap=True)
    for title, _ in columns:
        shown.add_column(title, justify="right", no_wrap=True)
    for run in runs:
        cells = [cell(run) for _, cell in columns]
        shown.add_row(Text(run.folder.name), Text(run.state, style=COLOURS[run.state]), *cells)
    return shown


def totals(runs: Sequence[RunState], waiting: int = 0) -> str:
    """How many there are of each state, the time spent on them, and until the last of those running and `waiting` ends.

    A run taken over from another study took no time here.
    """
    count = Counter(run.state for run in runs)
    states = ", ".join(f"{count[state]} {state}" for state in State if count[state])
    if waiting:
        states += f"; {waiting} more of the sweep not started"
    spent = sum(run.seconds for run in runs if run.record and not run.record.reused_from)
    left = [run.seconds_left for run in runs if run.seconds_left is not None]
    parts = [f"{len(runs)} run{'s' if len(runs) > 1 else ''}: {states}", f"time {clock(spent)}"]
    whole = [run.seconds for run in runs if run.state is State.FINISHED and run.record and not run.record.reused_from]
    if left and waiting and whole:
        seconds = max(*left, (sum(left) + waiting * median(whole)) / count[State.RUNNING])
        return "; ".join([*parts, f"the sweep ends in about {clock(seconds)}"])
    return "; ".join([*parts, f"the last of those running ends in about {clock(max(left))}"] if left else parts)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: 0:03:20."""
    return str(timedelta(seconds=round(seconds)))
