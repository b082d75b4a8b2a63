"""Run directories -> `Run`: what the report needs of a record and of `metrics.jsonl`.

A record that cannot be read is left out with the reason: one damaged file must not hide the other runs of a sweep.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lkca_exp.runs.format import RUN_FOLDER, flatten
from lkca_exp.runs.record import Damaged, Record
from lkca_exp.runs.rows import is_number, read_rows
from lkca_exp.runs.state import snapshot
from lkca_exp.runs.sweeps import places, read_sweeps

OPTUNA = "optuna.db"
"""Where conf/hydra/sweeper/optuna.yaml has a search keep its trials, in the folder of the study."""


@dataclass(frozen=True)
class Run:
    """One run directory.

    `status` is the record's, but for a run whose process ended without a word: that is "killed".
    `config` has dotted keys (`model.mixer.name`). `metrics` and `curve` (epoch -> its row of metrics.jsonl) hold finite
    numbers only; accuracies are fractions. `seconds` is wall-clock time. `attempt` is the latest attempt, `heard` when
    the newest row was written, in seconds since 1970. `notes` says what was odd about the files. `place` is that
    among the jobs of its study's sweeps, None where no sweep named it; `baseline` is the experiment's
    `report.baseline`. `is_trial`: whether a search chooses among it and others on validation.
    """

    folder: Path
    study: str
    label: str
    seed: int
    id: str
    group: str
    status: str
    numerics: int
    command: str
    config: dict[str, Any]
    derived: dict[str, Any]
    selected_on: str
    metrics: dict[str, float]
    model: dict[str, float]
    speed: dict[str, float]
    memory: dict[str, float]
    seconds: float | None
    started: str
    ended: str
    versions: dict[str, Any]
    git: dict[str, Any]
    device: dict[str, Any]
    attempt: dict[str, Any]
    error: str
    class_names: tuple[str, ...]
    warnings: tuple[str, ...]
    reused_from: str
    curve: dict[int, dict[str, float]]
    heard: float | None
    notes: tuple[str, ...]
    place: int | None = None
    is_trial: bool = False
    baseline: str = ""

    @property
    def resolved(self) -> dict[str, Any]:
        """The configuration with the resolved value of each null, where the record has it."""
        return {key: self.resolved_value(key) if value is None else value for key, value in self.config.items()}

    def resolved_value(self, key: str) -> Any:
        """The resolved value of a key that is null; None where the record does not have it."""
        return self.derived.get(key.rpartition(".")[2])


def load(studies: Sequence[Path]) -> tuple[list[Run], list[Damaged]]:
    """Every run of the studies, in the order of the folders' names, and the run folders that cannot be used.

    Raises ValueError for a folder that does not exist or holds no runs.
    """
    runs: list[Run] = []
    damaged: list[Damaged] = []
    for study in dict.fromkeys(os.path.realpath(study) for study in studies):
        sweeps = read_sweeps(Path(study))
        place = places(sweeps)
        named = next((sweep.baseline for sweep in reversed(sweeps) if sweep.baseline), "")
        searched = {name for sweep in sweeps if sweep.search for name in sweep.jobs}
        by_optuna = Path(study, OPTUNA).is_file()
        for folder in run_folders(Path(study)):
            run = read_run(folder)
            if isinstance(run, Damaged):
                damaged.append(run)
            else:
                is_trial = (by_optuna or folder.name in searched) and run.config.get("protocol.name") == "holdout"
                baseline = named or run.baseline
                runs.append(replace(run, place=place.get(folder.name), baseline=baseline, is_trial=is_trial))
    return runs, damaged


def run_folders(study: Path) -> list[Path]:
    """The run directories of a study: those with a record, and those whose name says that there should be one."""
    if not study.is_dir():
        raise ValueError(f"{study}: no such folder")
    children = sorted(child for child in study.iterdir() if child.is_dir())
    folders = [child for child in children if RUN_FOLDER.search(child.name) or os.path.isfile(child / "run.json")]
    if not folders:
        raise ValueError(f"{study}: holds no runs")
    return folders


def read_run(folder: Path) -> Run | Damaged:
    """The run in a folder, or why it cannot be used."""
    record, _ = snapshot(folder)
    if not isinstance(record, Record):
        return record or Damaged(folder, "no run.json")
    rows = folder / "metrics.jsonl"
    try:
        curve, notes = read_curve(rows)
        config = flatten(record.config)
        return Run(
            folder=folder,
            study=folder.parent.name,
            label=record.label,
            seed=record.seed,
            id=record.id,
            group=record.group,
            status=record.status,
            numerics=record.numerics,
            command=record.command,
            config=config,
            derived=record.derived,
            selected_on=str(record.selected_on or ""),
            metrics=numbers(record.metrics),
            model=numbers(record.model),
            speed=numbers(record.speed),
            memory=numbers(record.memory),
            seconds=numbers(vars(record.timings)).get("seconds"),
            started=record.timings.started,
            ended=record.timings.ended or "",
            versions=record.versions,
            git=record.git,
            device=record.device,
            attempt=vars(record.attempts[-1]) if record.attempts else {},
            error=str(record.error or ""),
            class_names=record.class_names,
            warnings=record.warnings,
            reused_from=str(record.reused_from or ""),
            curve=curve,
            heard=rows.stat().st_mtime if curve else None,
            notes=notes,
            baseline=str(config.get("report.baseline") or ""),
        )
    except (OSError, RecursionError) as error:
        return Damaged(folder, str(error) or type(error).__name__)


def read_curve(path: Path) -> tuple[dict[int, dict[str, float]], tuple[str, ...]]:
    """The rows of metrics.jsonl by epoch, and notes on the lines that could not be read.

    A continued run may write an epoch again: the later row counts. A last line cut short is what a kill leaves behind,
    so it is passed over in silence.
    """
    rows, unreadable = read_rows(path)
    curve = {row["epoch"]: row for row in rows}
    return curve, (f"{unreadable} unreadable line(s) in metrics.jsonl",) if unreadable else ()


def numbers(mapping: Mapping[str, Any]) -> dict[str, float]:
    """The entries that are numbers."""
    return {key: value for key, value in mapping.items() if is_number(value)}
