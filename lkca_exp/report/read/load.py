"""Run directories -> `Run`. The only place that reads the record, `run.json` and `metrics.jsonl`.

A record that cannot be read is left out with the reason: one damaged file must not hide the other runs of a sweep.
"""

from __future__ import annotations

import json
import math
import os
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lkca_exp.runs.format import FORMAT, RUN_FOLDER, flatten
from lkca_exp.runs.lock import is_held

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One run directory.

    `status` is the record's, but for a run whose process ended without a word: that is "killed".
    `config` has dotted keys (`model.mixer.name`). `metrics` and `curve` (epoch -> its row of metrics.jsonl) hold finite
    numbers only; accuracies are fractions. `seconds` is wall-clock time. `attempt` is the latest attempt, `heard` when
    the newest row was written, in seconds since 1970. `notes` says what was odd about the files.
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

    @property
    def settled(self) -> dict[str, Any]:
        """The configuration with what each null came to, where the record says so."""
        return {key: self.came_to(key) if value is None else value for key, value in self.config.items()}

    def came_to(self, key: str) -> Any:
        """What a key that was left open came to; None where the record does not say."""
        return self.derived.get(key.rpartition(".")[2])


@dataclass(frozen=True)
class LeftOut:
    """A run directory whose record cannot be used, and why."""

    folder: Path
    reason: str


def load(studies: Sequence[Path]) -> tuple[list[Run], list[LeftOut]]:
    """Every run of the studies, in the order of the folders' names.

    Raises ValueError for a folder that does not exist or holds no runs.
    """
    runs: list[Run] = []
    left_out: list[LeftOut] = []
    for study in dict.fromkeys(study.resolve() for study in studies):
        for folder in run_folders(study):
            try:
                runs.append(read_run(folder))
            except (OSError, ValueError, ArithmeticError, RecursionError) as error:
                left_out.append(LeftOut(folder, _reason(error)))
    return runs, left_out


def run_folders(study: Path) -> list[Path]:
    """The run directories of a study: those with a record, and those whose name says that there should be one."""
    if not study.is_dir():
        raise ValueError(f"{study}: no such folder")
    children = sorted(child for child in study.iterdir() if child.is_dir())
    found = [child for child in children if RUN_FOLDER.search(child.name) or os.path.isfile(child / "run.json")]
    if not found:
        raise ValueError(f"{study}: holds no runs")
    return found


def read_run(folder: Path) -> Run:
    """Raises OSError or ValueError for a record that cannot be used."""
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if not isinstance(record, dict):
        raise ValueError("run.json holds no record")
    if record.get("format") != FORMAT:
        raise ValueError(f"run.json has format {reprlib.repr(record.get('format'))}; this report reads {FORMAT}")
    rows = folder / "metrics.jsonl"
    curve, notes = read_curve(rows)
    timings = _mapping(record, "timings")
    return Run(
        folder=folder,
        study=folder.parent.name,
        label=_required(record, "label", str),
        seed=_required(record, "seed", int),
        id=_required(record, "id", str),
        group=_required(record, "group", str),
        status=_status(record, folder),
        numerics=_required(record, "numerics", int),
        command=_text(record.get("command")),
        config=flatten(_required(record, "config", dict)),
        derived=_mapping(record, "derived"),
        selected_on=_text(record.get("selected_on")),
        metrics=numbers(_mapping(record, "metrics")),
        model=numbers(_mapping(record, "model")),
        speed=numbers(_mapping(record, "speed")),
        memory=numbers(_mapping(record, "memory")),
        seconds=numbers(timings).get("seconds"),
        started=_text(timings.get("started")),
        ended=_text(timings.get("ended")),
        versions=_mapping(record, "versions"),
        git=_mapping(record, "git"),
        device=_mapping(record, "device"),
        attempt=_latest(record.get("attempts")),
        error=_error(record.get("error")),
        class_names=_texts(record.get("class_names")),
        warnings=_texts(record.get("warnings")),
        reused_from=_text(record.get("reused_from")),
        curve=curve,
        heard=rows.stat().st_mtime if curve else None,
        notes=notes,
    )


def read_curve(path: Path) -> tuple[dict[int, dict[str, float]], tuple[str, ...]]:
    """The rows of metrics.jsonl by epoch, and notes on the lines that could not be read.

    A continued run may write an epoch again: the later row counts. A last line cut short is what a kill leaves behind,
    so it is passed over in silence.
    """
    if not path.exists():
        return {}, ()
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    if text and not text.endswith("\n") and _row(lines[-1]) is None:
        lines.pop()
    rows = [_row(line) for line in lines]
    curve = {int(row["epoch"]): row for row in rows if row is not None}
    unreadable = rows.count(None)
    return curve, (f"{unreadable} unreadable line(s) in metrics.jsonl",) if unreadable else ()


def numbers(mapping: Mapping[str, Any]) -> dict[str, float]:
    """The entries that are finite numbers."""
    found = {key: value for key, value in mapping.items() if isinstance(value, int | float)}
    return {key: value for key, value in found.items() if not isinstance(value, bool) and math.isfinite(value)}


def _row(line: str) -> dict[str, float] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    row = numbers(row) if isinstance(row, dict) else {}
    return row if "epoch" in row else None


def _required(record: Mapping[str, Any], key: str, kind: type[T]) -> T:
    value = record.get(key)
    if not isinstance(value, kind):
        raise ValueError(f"run.json has {reprlib.repr(value)} for {key}, not a {kind.__name__}")
    return value


def _mapping(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _texts(values: object) -> tuple[str, ...]:
    return tuple(_text(value) for value in values) if isinstance(values, list) else ()


def _status(record: Mapping[str, Any], folder: Path) -> str:
    status = _required(record, "status", str)
    return "killed" if status == "running" and not is_held(folder) else status


def _latest(attempts: object) -> dict[str, Any]:
    last = attempts[-1] if isinstance(attempts, list) and attempts else None
    return last if isinstance(last, dict) else {}


def _error(error: object) -> str:
    if isinstance(error, Mapping):
        return ": ".join(_text(error[key]) for key in ("type", "message") if error.get(key))
    return _text(error)


def _reason(error: BaseException) -> str:
    match error:
        case FileNotFoundError():
            return "no run.json"
        case json.JSONDecodeError() | UnicodeDecodeError():
            return f"run.json is damaged: {error}"
        case _:
            return str(error) or type(error).__name__
