"""The sweeps of a study, noted before their first jobs start: `sweeps.jsonl` in its folder, a line a sweep."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lkca_exp.runs.find import runs_in

FILE = "sweeps.jsonl"


@dataclass(frozen=True)
class Sweep:
    """`jobs` are the names of the run folders, in the order of the jobs; `baseline` is the experiment's
    `report.baseline`, empty for none. `search`: whether the best of the jobs by validation go on. `num_unnamed` more
    jobs have no name yet, as the sweeper chooses them when their turn comes."""

    jobs: tuple[str, ...]
    baseline: str = ""
    search: bool = False
    num_unnamed: int = 0


def note_sweep(study: Path, sweep: Sweep) -> None:
    """Add a sweep to those of a study, unless it is the latest there; the line is appended whole."""
    if read_sweeps(study)[-1:] == [sweep]:
        return
    study.mkdir(parents=True, exist_ok=True)
    with (study / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(sweep)) + "\n")


def read_sweeps(study: Path) -> list[Sweep]:
    """The sweeps of a study, the latest last; a line that is none, as a full disk leaves it, is passed over."""
    path = study / FILE
    if not path.is_file():
        return []
    sweeps = (_sweep(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    return [sweep for sweep in sweeps if sweep is not None]


def places(sweeps: Sequence[Sweep]) -> dict[str, int]:
    """Name of a run's folder -> its place among the jobs of all sweeps, each counted where it was first named."""
    names = dict.fromkeys(name for sweep in sweeps for name in sweep.jobs)
    return {name: place for place, name in enumerate(names)}


def num_not_started(study: Path) -> int:
    """How many jobs of the latest sweep of a study have no folder yet; one that the sweep does not name is that of an
    unnamed job."""
    sweeps = read_sweeps(study)
    if not sweeps:
        return 0
    latest = sweeps[-1]
    num_named = sum(not (study / name).is_dir() for name in latest.jobs)
    if not latest.num_unnamed:
        return num_named
    chosen = {folder.name for folder in runs_in(study)}.difference(latest.jobs)
    return num_named + max(latest.num_unnamed - len(chosen), 0)


def _sweep(line: str) -> Sweep | None:
    try:
        entries = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entries, dict):
        return None
    jobs, baseline, num_unnamed = entries.get("jobs"), entries.get("baseline"), entries.get("num_unnamed", 0)
    if not isinstance(jobs, list) or not all(isinstance(name, str) for name in jobs) or not isinstance(baseline, str):
        return None
    if not isinstance(num_unnamed, int):
        return None
    return Sweep(tuple(jobs), baseline, entries.get("search") is True, num_unnamed)
