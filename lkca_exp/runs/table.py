"""The results of a study as a table, for programs and notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lkca_exp.runs.find import is_run, runs_in
from lkca_exp.runs.format import flatten
from lkca_exp.runs.state import run_state


def load_runs(folder: Path | str) -> list[dict[str, Any]]:
    """A row a run of the study in `folder`, or of the one run in it: name, state, seed, group (what seeds are averaged
    over), each metric ("test/top1": a fraction), the model's size, speed in images/s, and each key of its configuration
    ("optim.lr"). `pandas.DataFrame(load_runs(...))` takes it.

    Damaged runs have a name and a state only. A study that does not exist has no rows.
    """
    folder = Path(folder)
    return [_row(run) for run in ([folder] if is_run(folder) else runs_in(folder))]


def _row(folder: Path) -> dict[str, Any]:
    run = run_state(folder)
    row: dict[str, Any] = {"name": run.name, "state": str(run.state)}
    if (record := run.record) is None:
        return row
    row |= {"id": record.id, "group": record.group, "seed": record.seed}
    return row | record.metrics | record.model | record.speed | flatten(record.config)
