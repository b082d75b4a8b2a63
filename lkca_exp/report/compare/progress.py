"""How far the runs are that have not finished."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lkca_exp.report.compare.variant import Summary, Variant
from lkca_exp.report.read.load import Run


@dataclass(frozen=True)
class Progress:
    """An unfinished run. `epochs_done` of `epochs`; `seconds_left` is a forecast from the epochs of this attempt, None
    where there is no ground for one; `seconds_silent` is the time since its last row."""

    run: Run
    variant: Variant
    epochs_done: int
    epochs: int | None
    seconds_left: float | None
    seconds_silent: float | None


def progress(summary: Summary, now: float) -> list[Progress]:
    """Of every run that has not finished, running ones first. `now` is in seconds since 1970."""
    unfinished = [
        _progress(run, variant, now) for variant in summary.variants for run in variant.runs if run.status != "finished"
    ]
    return sorted(
        unfinished, key=lambda state: (state.run.status != "running", state.run.status, state.run.folder.name)
    )


def _progress(run: Run, variant: Variant, now: float) -> Progress:
    epochs = run.config.get("epochs")
    epochs = epochs if isinstance(epochs, int) else None
    done = max(run.curve) + 1 if run.curve else 0
    silent = None if run.heard is None else max(now - run.heard, 0.0)
    return Progress(run, variant, done, epochs, _seconds_left(run, done, epochs, silent), silent)


def _seconds_left(run: Run, done: int, epochs: int | None, silent: float | None) -> float | None:
    """The pace of this attempt, from its start to its last row, kept up; less what has passed since."""
    started, first = _seconds(run.attempt.get("started")), run.attempt.get("from_epoch", 0)
    if run.status != "running" or epochs is None or silent is None or run.heard is None or started is None:
        return None
    here = done - first if isinstance(first, int) else 0
    if here < 1 or run.heard <= started:
        return None
    return max((run.heard - started) / here * (epochs - done) - silent, 0.0)


def _seconds(moment: object) -> float | None:
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return None
