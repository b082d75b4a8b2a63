"""The record of one run: a folder that tells everything about it, whole at every moment.

run.json            what was run, with what, where, and what came of it (see `new_record`)
config.yaml         the configuration as composed
metrics.jsonl       a row an epoch; nothing in it depends on the clock
predictions.npz     test labels and top-1 predictions
train.log           the log
checkpoints/        last.ckpt, to continue from; gone after success unless keep=all
weights.safetensors the trained weights
analysis/           how far the model's tokens look, layer by layer, and what `lkca_exp.analysis` was asked for
"""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lkca_exp.config.derive import Derived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import BestOnTestConfig, Config, HoldoutConfig
from lkca_exp.runs import identity
from lkca_exp.runs.environment import command_line, git_state, versions
from lkca_exp.runs.files import write_json
from lkca_exp.runs.format import FORMAT

STATUSES = ("running", "finished", "interrupted", "failed")
NEEDED = {"id", "study", "label", "seed", "config", "metrics", "timings", "attempts", "error"}
"""Without these a record tells nothing that can be worked with."""


def run_directory(config: Config, derived: Derived) -> Path:
    """`<paths.runs>/<study>/<label>-s<seed>-<id8>`."""
    return Path(config.paths.runs) / config.study / identity.directory_name(config, derived)


def check_writable(config: Config) -> None:
    """Make sure that runs can be recorded, before anything is begun; writes nothing itself.

    Raises:
        ConfigError: if the study's folder, or the nearest one above it that exists, cannot be written.
    """
    study = Path(config.paths.runs, config.study).absolute()
    nearest = next(path for path in (study, *study.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        problem = "may not be written" if nearest.is_dir() else "is not a folder"
        raise ConfigError(
            "paths.runs", config.paths.runs, f"{nearest} {problem}.", "Choose another folder with paths.runs=DIR."
        )


def selected_on(config: Config) -> str | None:
    """What chose the epoch whose weights are tested: "validation", "test", or None for the last epoch."""
    match config.protocol:
        case HoldoutConfig():
            return "validation"
        case BestOnTestConfig():
            return "test"
    return None


def objective(record: dict[str, Any]) -> float:
    """The metric that a sweeper may tune: on validation where there is one, on test otherwise."""
    metrics = record["metrics"]
    return metrics.get("val/top1", metrics["test/top1"])


def read(directory: Path) -> dict[str, Any] | None:
    """The record in a folder, or None where there is no readable one."""
    try:
        record = json.loads((directory / "run.json").read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return None
    return record if record.get("status") in STATUSES and record.keys() >= NEEDED else None


def new_record(config: Config, derived: Derived) -> dict[str, Any]:
    """What is known before training. Accuracies are fractions, times in seconds, memory in bytes."""
    return {
        "format": FORMAT,
        "id": identity.identity(config, derived),
        "group": identity.group(config, derived),
        "study": config.study,
        "label": identity.label(config, derived),
        "seed": config.seed,
        "status": "running",
        "numerics": identity.NUMERICS,
        "command": command_line(),
        "config": dataclasses.asdict(config),
        "derived": dataclasses.asdict(derived),
        "selected_on": selected_on(config),
        "metrics": {},
        "model": {},
        "speed": {},
        "memory": {},
        "timings": {"started": now(), "ended": None, "seconds": 0.0},
        "versions": versions(),
        "git": git_state(),
        "device": {},
        "attempts": [],
        "error": None,
        "class_names": [],
        "warnings": [],
        "reused_from": None,
    }


def update(directory: Path, **fields: Any) -> dict[str, Any]:
    """Change fields of the record in `directory` and return it whole."""
    record = read(directory)
    assert record is not None, f"no record in {directory}"
    record.update(fields)
    write_json(directory / "run.json", record)
    return record


def begin_attempt(directory: Path, record: dict[str, Any], from_epoch: int) -> None:
    """Note that this process now works on the run, from `from_epoch` on."""
    attempt = {
        "started": now(),
        "ended": None,
        "status": "running",
        "from_epoch": from_epoch,
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    record = record | {"status": "running", "error": None, "attempts": [*with_killed(record["attempts"]), attempt]}
    write_json(directory / "run.json", record)


def with_killed(attempts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The attempts of a run that nobody holds: one that did not note its end was killed."""
    return [a if a["ended"] else a | {"status": "killed"} for a in attempts]


def end_attempt(directory: Path, status: str, error: BaseException | None = None, **fields: Any) -> dict[str, Any]:
    """Note how it ended: "finished", "failed" or "interrupted"."""
    record = read(directory)
    assert record is not None, f"no record in {directory}"
    ended = now()
    attempts = record["attempts"]
    attempts[-1] |= {"ended": ended, "status": status}
    seconds = sum(_seconds(a["started"], a["ended"]) for a in attempts if a["ended"])
    timings = record["timings"] | {"ended": ended, "seconds": round(seconds, 3)}
    told = error and {
        "type": type(error).__name__,
        "message": "; ".join([str(error), *getattr(error, "__notes__", [])]),
        "traceback": "".join(traceback.format_exception(error)),
    }
    return update(directory, status=status, attempts=attempts, timings=timings, error=told, **fields)


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _seconds(started: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
