"""What a sweep says at its start and at its end."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lkca_exp.runs.environment import git_state
from lkca_exp.runs.record import Record, read
from lkca_exp.runs.run import NUMERICS
from lkca_exp.runs.state import RunState, State
from lkca_exp.sweep.jobs import Jobs, SweepJob

log = logging.getLogger(__name__)


def show_start(jobs: Jobs, to_do: Sequence[SweepJob]) -> None:
    """One line: how many jobs there are, how many are left to do."""
    total = len(jobs.unique)
    counts = [f"{total} jobs", f"{total - len(to_do)} finished before", f"{len(to_do)} to do"]
    if jobs.duplicates:
        counts.append(f"{len(jobs.duplicates)} left out that would repeat another")
    log.info("%s", ", ".join(counts))


def show_states(states: Sequence[RunState], reason: str) -> None:
    """A table of the runs that did not finish, if any, and remarks on the code that made the others.

    `reason` says why the sweep stopped early."""
    console = Console()
    unfinished = [run for run in states if run.state is not State.FINISHED]
    if unfinished:
        table = Table(title="Runs without a result", title_justify="left", box=None, pad_edge=False)
        table.add_column("run", overflow="fold")
        table.add_column("state", no_wrap=True)
        table.add_column("epochs", no_wrap=True)
        for run in unfinished:
            epochs = f"{run.epochs_done}/{run.epochs}" if run.epochs else ""
            table.add_row(Text(run.name), run.state.value, epochs)
        console.print(table)
        for run in unfinished:
            if run.error:
                console.print(Text(f"{run.name}: {run.error}"), soft_wrap=True)
        counts = Counter(run.state for run in states)
        console.print(Text(f"{len(states)} runs: " + ", ".join(f"{n} {state}" for state, n in counts.items())))
    if reason:
        console.print(Text(f"The sweep stopped early: {reason}."))
    for remark in code_remarks(states):
        console.print(Text(remark))


def code_remarks(states: Sequence[RunState]) -> list[str]:
    """Results of other code than this, or of code that is in no commit; and runs in the studies' folders that were
    trained by other rules, which makes them no part of the sweep."""
    here = git_state()
    made = Counter(_commit(run.record.git) for run in states if run.record and run.record.git != here)
    remarks = [f"{n} runs were made with other code: {name}; this is {_commit(here)}." for name, n in made.items()]
    if here["dirty"]:
        remarks.append("The code has changes that are in no commit.")
    mine = {run.folder for run in states}
    for study in {folder.parent for folder in mine}:
        others = [read(path.parent) for path in study.glob("*/run.json") if path.parent not in mine]
        rules = Counter(run.numerics for run in others if isinstance(run, Record) and run.numerics != NUMERICS)
        remarks += [f"{n} other runs in {study} have numerics {old}, not {NUMERICS}." for old, n in rules.items()]
    return remarks


def _commit(git: Mapping[str, str | bool | None]) -> str:
    return f"{str(git['commit'])[:8]}{' with changes' if git['dirty'] else ''}" if git["commit"] else "not under git"


def show_comparison(studies: Sequence[Path], brief: bool = False) -> None:
    """Write the report of these studies and show its answer, if there is anything to compare; `brief`: no tables."""
    from lkca_exp.report.build import report

    try:
        report(studies, brief=brief)
    except (OSError, ValueError) as problem:
        log.warning("no comparison: %s", problem)
