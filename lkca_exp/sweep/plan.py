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
    planned = _look(jobs)
    console.print(_table(planned))
    for line in _totals(planned, jobs):
        console.print(Text(line), soft_wrap=True)


def _look(jobs: Jobs) -> list[Planned]:
    roots = {study.parent for study in jobs.studies}
    estimate = Estimate(record for root in roots for record in finished_records(root))
    costs: dict[str, tuple[int, int]] = {}
    planned = []
    for one in jobs.unique:
        model = repr((one.config.model, one.derived))
        if model not in costs:
            costs[model] = price(one)
        planned.append(_look_at(one, *costs[model], estimate))
    return planned


def _look_at(one: SweepJob, parameters: int, flops: int, estimate: Estimate) -> Planned:
    config, now = one.config, run_state(one.directory)
    begun = now.record is not None and now.record.id == one.id and not config.force
    twin = None if begun or config.force else find_twin(one)
    if twin is not None or (begun and now.state is State.FINISHED):
        return Planned(one, f"done in {twin[0].parent.name}" if twin else "done", parameters, 0.0)
    whole = estimate.seconds(one.group, asdict(config), flops)
    left = None if whole is None else whole * (1 - now.epochs_done / config.epochs if begun else 1)
    return Planned(one, _words(now) if begun else "missing", parameters, left)


def _words(now: RunState) -> str:
    """How an unfinished run stands."""
    if now.state is State.FAILED:
        return "failed"
    how = "running" if now.state is State.RUNNING else "part-way"
    return f"{how}, epoch {now.epochs_done} of {now.epochs}"


def _table(planned: Sequence[Planned]) -> Table:
    shared = set.intersection(*(set(one.job.overrides) for one in planned))
    table = Table("job", "run", "what varies", "state", box=None)
    table.add_column("parameters", justify="right")
    table.add_column("time left", justify="right")
    for number, one in enumerate(planned):
        varied = " ".join(word for word in one.job.overrides if word not in shared)
        costs = (f"{one.parameters:,}", duration(one.seconds_left))
        cells = (str(number), one.job.directory.name, varied, one.state, *costs)
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    return table


def _totals(planned: Sequence[Planned], jobs: Jobs) -> list[str]:
    states = Counter(one.state.partition(",")[0].partition(" in ")[0] for one in planned)
    told = [f"{len(planned)} jobs: " + ", ".join(f"{number} {state}" for state, number in states.items())]
    for words in jobs.duplicates:
        told.append(f"Left out, as it would repeat another: {' '.join(words)}")
    known = [one.seconds_left for one in planned if one.seconds_left is not None]
    if any(known):
        told.append(f"Time left, one after the other, judged from finished runs: {duration(sum(known))}")
    if unknown := len(planned) - len(known):
        told.append(f"Nothing comparable to {unknown} of the jobs has finished: their time is unknown.")
    return told


def duration(seconds: float | None) -> str:
    """In words for people: 40 s, 12 min, 3 h 20 min; nothing for nothing, a question mark for None."""
    if seconds is None:
        return "?"
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds else ""
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
