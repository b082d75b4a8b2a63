"""The sweeps of a study, noted before their first jobs start: `sweeps.jsonl` in its folder, a line a sweep."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "sweeps.jsonl"


@dataclass(frozen=True)
class Sweep:
    """`jobs` are the names of the run folders, in the order of the jobs; `baseline` is the experiment's
    `report.baseline`, empty for none. `search`: whether the best of the jobs by validation go on."""

    jobs: tuple[str, ...]
    baseline: str = ""
    search: bool = False


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


def not_started(study: Path) -> list[str]:
    """The jobs of the latest sweep of a study that have no folder yet."""
    latest = read_sweeps(study)[-1:]
    return [name for sweep in latest for name in sweep.jobs if not (study / name).is_dir()]


def _sweep(line: str) -> Sweep | None:
    try:
        entries = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entries, dict):
        return None
    jobs, baseline = entries.get("jobs"), entries.get("baseline")
    if not isinstance(jobs, list) or not all(isinstance(name, str) for name in jobs) or not isinstance(baseline, str):
        return None
    return Sweep(tuple(jobs), baseline, entries.get("search") is True)
