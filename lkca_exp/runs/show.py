"""Everything in a run's folder, and the differences of two runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lkca_exp.config.errors import show
from lkca_exp.runs.defaults import with_options
from lkca_exp.runs.format import flatten, short
from lkca_exp.runs.listing import clock
from lkca_exp.runs.record import Attempt, Record
from lkca_exp.runs.state import RunState, State
from lkca_exp.runs.store import ANALYSIS

RESULTS = ("metrics", "model", "speed", "memory")
Rows = Mapping[str, Sequence[str]]
"""Name -> a cell a run."""


def print_run(run: RunState, defaults: Mapping[str, Any], console: Console) -> None:
    """A run: its state, its configuration where it is not `defaults` (dotted keys), and the rest of its record."""
    console.print(Text(f"{run.name}: {state_in_words(run)}", style="bold"))
    record = run.record
    if record is not None:
        config = _settings(record)
        defaults = with_options(defaults, config)
        other = {key: value for key, value in config.items() if key not in defaults or value != defaults[key]}
        head = {key: getattr(record, key) for key in ("id", "command", "reused_from")}
        _section(console, "", {key: [value] for key, value in head.items() if value})
        _section(console, "configuration, where it is not the default", _single(other))
        for part in RESULTS:
            _section(console, part, _single(getattr(record, part)))
        _section(console, "timings", _single(vars(record.timings)))
        _section(console, "attempts", {str(n): [_attempt(a)] for n, a in enumerate(record.attempts, 1)})
        for part in ("device", "git", "versions"):
            _section(console, part, _single(getattr(record, part)))
        _section(console, "warnings", {str(n): [warning] for n, warning in enumerate(record.warnings, 1)})
        if record.error:
            console.print(Text("error", style="bold"))
            console.print(Text(record.error.traceback), soft_wrap=True)
    sizes = {path.relative_to(run.folder): path.stat().st_size for path in files(run.folder)}
    _section(console, "files, bytes", {str(name): [f"{size:,}"] for name, size in sizes.items()})


def print_difference(left: RunState, right: RunState, console: Console) -> None:
    """Two runs side by side: their results, and what differs of the rest."""
    runs = (left, right)
    records = [run.record for run in runs]
    head = {"": [run.name for run in runs], "state": [state_in_words(run) for run in runs]}
    _section(console, "", head | {"time": [clock(run.seconds) for run in runs]})
    for part in RESULTS:
        _section(console, part, _beside(_part(record, part) for record in records))
    _section(console, "configuration", _differing(map(_settings, records)))
    code = [{"numerics": record and record.numerics} | _part(record, "git") for record in records]
    _section(console, "code", _differing(code))
    for part in ("device", "versions"):
        _section(console, part, _differing(_part(record, part) for record in records))


def state_in_words(run: RunState) -> str:
    """finished; running, epoch 3 of 30; ..."""
    if run.record is None or run.state is State.FINISHED:
        return run.state
    left = "" if run.seconds_left is None else f", about {clock(run.seconds_left)} left"
    return f"{run.state}, {run.epochs_done} of {run.epochs} epochs done{left}"


def files(folder: Path) -> list[Path]:
    """The files of a run, by name, without those of loggers and of an earlier result."""
    return sorted(
        path
        for place in (folder, folder / "checkpoints", folder / ANALYSIS)
        if place.is_dir()
        for path in place.iterdir()
        if path.is_file()
    )


def written(key: str, value: Any) -> str:
    """A value for people: accuracies in percent, the digits of large numbers in groups of three."""
    match value:
        case float() if key.endswith(("top1", "top5")):
            return f"{100 * value:.2f} %"
        case int() if not isinstance(value, bool) and abs(value) >= 1000:
            return f"{value:,}"
        case float():
            return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return show(value)


def _part(record: Record | None, name: str) -> dict[str, Any]:
    return {} if record is None else getattr(record, name)


def _settings(record: Record | None) -> dict[str, Any]:
    """The configuration, with the content of data files that are not the published ones."""
    settings, content = flatten(_part(record, "config")), _part(record, "derived").get("data_content")
    return settings if content is None else settings | {"data.content": short(content)}


def _attempt(attempt: Attempt) -> str:
    until = f" to {attempt.ended}" if attempt.ended else ""
    where = f"process {attempt.pid} on {attempt.host}"
    return f"{attempt.status}: from epoch {attempt.from_epoch}, {attempt.started}{until}, {where}"


def _single(values: Mapping[str, Any]) -> Rows:
    return {key: [written(key, value)] for key, value in values.items()}


def _beside(parts: Iterable[Mapping[str, Any]]) -> Rows:
    """The values of both, whatever they are; a key that one lacks has an empty cell."""
    left, right = parts
    keys = dict.fromkeys([*left, *right])
    return {key: [written(key, part[key]) if key in part else "" for part in (left, right)] for key in keys}


def _differing(parts: Iterable[Mapping[str, Any]]) -> Rows:
    left, right = parts
    keys = {key for key in {*left, *right} if key not in left or key not in right or left[key] != right[key]}
    return {key: cells for key, cells in _beside((left, right)).items() if key in keys}


def _section(console: Console, title: str, rows: Rows) -> None:
    if not rows:
        return
    if title:
        console.print(Text(title, style="bold"))
    grid = Table.grid(padding=(0, 2))
    for name, cells in rows.items():
        grid.add_row(Text(f"  {name}"), *(Text(cell, overflow="fold") for cell in cells))
    console.print(grid)
    console.print()
