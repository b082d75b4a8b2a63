"""What a sweep would do: every job, how it stands, what it costs. Nothing is launched and nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lkca_exp.runs.state import RunState, State, run_state
from lkca_exp.runs.store import find_twin
from lkca_exp.sweep.estimate import Estimate, finished_records, price
from lkca_exp.sweep.jobs import Jobs, SweepJob, multirun, resolve
from lkca_exp.sweep.second_round import expected_second_round, second_round


@dataclass(frozen=True)
class Planned:
    """A job of a sweep: how it stands, in words; its parameters; the seconds it will still take, None if that cannot
    be told."""

    job: SweepJob
    state: str
    parameters: int
    seconds_left: float | None


def plan(words: Sequence[str]) -> None:
    """Print what `python -m lkca_exp -m <words>` would do.

    Raises:
        ConfigError: if a job of the sweep is wrong, or its sweeper is one that decides as it goes.
    """
    with multirun(words) as (master, loader):
        jobs = resolve(master, loader)
        expected = expected_second_round(jobs, master, loader)
        more = second_round(jobs, master, loader) if expected else None
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    _print(jobs, console)
    if more is not None:
        console.print(Text("The best of them on validation go on:"))
        _print(more, console)
    elif expected is not None:
        what = " ".join(master.hydra.sweeper.then.overrides)
        console.print(Text(f"Then the best of them on validation go on, with {what}: {len(expected.unique)} jobs."))


def _print(jobs: Jobs, console: Console) -> None:
    planned = _plan(jobs)
    console.print(_table(planned))
    for line in _totals(planned, jobs):
        console.print(Text(line), soft_wrap=True)


def _plan(jobs: Jobs) -> list[Planned]:
    roots = {study.parent for study in jobs.studies}
    estimate = Estimate(record for root in roots for record in finished_records(root))
    costs: dict[str, tuple[int, int]] = {}
    whole: dict[str, float | None] = {}
    planned = []
    for job in jobs.unique:
        model = repr((job.config.model, job.derived))
        if model not in costs:
            costs[model] = price(job)
        parameters, flops = costs[model]
        if job.group not in whole:
            whole[job.group] = estimate.seconds(job.group, asdict(job.config), flops)
        planned.append(_planned(job, parameters, whole[job.group]))
    return planned


def _planned(job: SweepJob, parameters: int, whole: float | None) -> Planned:
    """`whole`: the seconds that the whole run takes, None if it is unknown."""
    config, now = job.config, run_state(job.directory)
    begun = now.record is not None and now.record.id == job.id and not config.force
    twin = None if begun else find_twin(job)
    if twin is not None or (begun and now.state is State.FINISHED):
        return Planned(job, f"done in {twin[0].parent.name}" if twin else "done", parameters, 0.0)
    left = None if whole is None else whole * (1 - now.epochs_done / config.epochs if begun else 1)
    return Planned(job, _words(now) if begun else "missing", parameters, left)


def _words(now: RunState) -> str:
    """How an unfinished run stands."""
    if now.state is State.FAILED:
        return "failed"
    how = "running" if now.state is State.RUNNING else "part-way"
    return f"{how}, epoch {now.epochs_done} of {now.epochs}"


def _table(planned: Sequence[Planned]) -> Table:
    shared = set.intersection(*(set(row.job.overrides) for row in planned))
    table = Table("job", "run", "what varies", "state", box=None)
    table.add_column("parameters", justify="right")
    table.add_column("time left", justify="right")
    for number, row in enumerate(planned):
        varied = " ".join(word for word in row.job.overrides if word not in shared)
        costs = (f"{row.parameters:,}", duration(row.seconds_left))
        cells = (str(number), row.job.directory.name, varied, row.state, *costs)
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    return table


def _totals(planned: Sequence[Planned], jobs: Jobs) -> list[str]:
    states = Counter(row.state.partition(",")[0].partition(" in ")[0] for row in planned)
    lines = [f"{len(planned)} jobs: " + ", ".join(f"{number} {state}" for state, number in states.items())]
    for words in jobs.duplicates:
        lines.append(f"Left out, as it would repeat another: {' '.join(words)}")
    known = [row.seconds_left for row in planned if row.seconds_left is not None]
    if any(known):
        lines.append(f"Time left, one after the other, judged from finished runs: {duration(sum(known))}")
    if unknown := len(planned) - len(known):
        lines.append(f"Nothing comparable to {unknown} of the jobs has finished: their time is unknown.")
    return lines


def duration(seconds: float | None) -> str:
    """In words for people: 40 s, 12 min, 3 h 20 min; nothing for nothing, a question mark for None."""
    if seconds is None:
        return "?"
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds else ""
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
