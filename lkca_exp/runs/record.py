"""The record of a run: a folder with everything about it, whole at every moment.

run.json            what was run, with what, where, and its result (see `Record`)
config.yaml         the configuration as composed
metrics.jsonl       a row an epoch; nothing in it depends on the clock
predictions.npz     test labels and top-1 predictions
train.log           the log
checkpoints/        last.ckpt, to continue from, and the one before it; gone after success unless keep=all
weights.safetensors the trained weights
analysis/           how far the model's tokens reach, layer by layer, and results of `lkca_exp.analysis`
previous/           the result that a later one replaced, or a record that could not be used
"""

from __future__ import annotations

import hashlib
import json
import os
import reprlib
import socket
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lkca_exp.runs.files import write_json
from lkca_exp.runs.format import FORMAT
from lkca_exp.runs.rows import is_number
from lkca_exp.runs.shape import MAPPINGS, check_entries, is_device


@dataclass(frozen=True)
class Attempt:
    """What one process did on a run, from epoch `from_epoch` on. `ended` is None until it notes its end."""

    started: str = ""
    ended: str | None = None
    status: str = "running"
    from_epoch: int = 0
    host: str = ""
    pid: int = 0


@dataclass(frozen=True)
class Failure:
    """What a failed run raised."""

    type: str
    message: str
    traceback: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.type, self.message) if part)


@dataclass(frozen=True)
class Timings:
    """Start of the first attempt, end of the last one, and the seconds that all of them took."""

    started: str = ""
    ended: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """run.json, in its order. Accuracies are fractions, times are in UTC (ISO 8601) and in seconds, memory is in bytes.

    `status` is "running", "finished", "interrupted" or "failed", or "killed" where a reader sees that the process is
    gone. `config` and `derived` are as `dataclasses.asdict` gives them. `data` says what the images were read from, and
    by which mean and deviation they were normalised. `sha256` has the digests of the result's files by their names; a
    record from before there were any has none. `extra` holds entries that this version does not know, to be written
    again.
    """

    id: str
    group: str
    study: str
    label: str
    seed: int
    status: str = "running"
    numerics: int
    command: str = ""
    config: dict[str, Any]
    derived: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    selected_on: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    speed: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    timings: Timings = Timings()
    versions: dict[str, Any] = field(default_factory=dict)
    git: dict[str, Any] = field(default_factory=dict)
    device: dict[str, Any] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    error: Failure | None = None
    class_names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reused_from: str | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Damaged:
    """A run folder whose record cannot be used, and why."""

    folder: Path
    reason: str


class Newer(Damaged):
    """A run folder whose record a newer version of this package wrote."""


def objective(record: Record) -> float:
    """The metric that a sweeper may tune: on validation where there is one, on test otherwise."""
    return record.metrics.get("val/top1", record.metrics["test/top1"])


def read(folder: Path) -> Record | Damaged | None:
    """The record in a folder; None where there is no run.json."""
    try:
        content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        if reason := _newer_format(content):
            return Newer(folder, reason)
        record = _record(content)
        json.dumps(content, allow_nan=False)  # Python reads Infinity and NaN, which no record is written with
        return record
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        return Damaged(folder, f"run.json is damaged: {error}")
    except (OSError, ValueError, RecursionError) as error:
        return Damaged(folder, str(error) or type(error).__name__)


def read_finished(folder: Path) -> Record | None:
    """The record in a folder, if it is that of a finished run."""
    record = read(folder)
    return record if isinstance(record, Record) and record.status == "finished" else None


def write(folder: Path, record: Record) -> None:
    """Replace run.json in a folder."""
    entries = asdict(record)
    extra = entries.pop("extra")
    text = json.dumps({"format": FORMAT} | entries | extra, ensure_ascii=False)
    content = json.loads(text.encode(errors="replace"))  # half of a character, as in the name of a file, becomes "?"
    write_json(folder / "run.json", content | {"checksum": _checksum(content)})


def begin_attempt(folder: Path, record: Record, from_epoch: int) -> Record:
    """Write that this process now works on the run, from `from_epoch` on, and return the record as written."""
    attempt = Attempt(started=now(), from_epoch=from_epoch, host=socket.gethostname(), pid=os.getpid())
    record = replace(record, status="running", error=None, attempts=(*with_killed(record.attempts), attempt))
    write(folder, record)
    return record


def with_killed(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """The attempts of a run that nobody holds: one that did not note its end was killed."""
    return tuple(attempt if attempt.ended else replace(attempt, status="killed") for attempt in attempts)


def end_attempt(
    folder: Path, record: Record, status: str, error: BaseException | None = None, **changes: Any
) -> Record:
    """Write how the latest attempt ended ("finished", "failed" or "interrupted") and other changes of the record;
    return it as written."""
    ended = now()
    attempts = (*record.attempts[:-1], replace(record.attempts[-1], ended=ended, status=status))
    seconds = sum(_seconds(attempt.started, attempt.ended) for attempt in attempts if attempt.ended)
    failure = (
        None
        if error is None
        else Failure(
            type=type(error).__name__,
            message="; ".join([str(error), *getattr(error, "__notes__", [])]),
            traceback="".join(traceback.format_exception(error)),
        )
    )
    timings = replace(record.timings, ended=ended, seconds=round(seconds, 3))
    record = replace(record, status=status, attempts=attempts, timings=timings, error=failure, **changes)
    write(folder, record)
    return record


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _seconds(started: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()


def _newer_format(content: object) -> str:
    """Which version reads it, where a record is of a newer format than ours; else empty."""
    number = content.get("format") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(number, int) or number <= FORMAT:
        return ""
    packages = content.get("versions")
    writer = packages.get("lkca-exp") if isinstance(packages, dict) else None
    by = f"lkca-exp {writer}" if isinstance(writer, str) else "a newer version"
    return f"run.json has format {number}; this version reads {FORMAT}, {by} wrote it"


def _checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 of all entries of a record but this one."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _record(content: object) -> Record:
    """The record that a parsed run.json holds; what only informs and has an odd type is at its default.

    Raises:
        ValueError: if it is of another format, was changed since it was written, lacks what every record has, or has
            what no record can have.
    """
    if not isinstance(content, dict):
        raise ValueError("run.json holds no record")
    entries = dict(content)
    checksum = entries.pop("checksum", None)
    if _checksum(entries) != checksum and checksum is not None:
        raise ValueError("run.json was changed since it was written (without its `checksum` it would be read)")
    if (given := entries.pop("format", None)) != FORMAT:
        raise ValueError(f"run.json has format {reprlib.repr(given)}; this version reads {FORMAT}")
    entries.pop("extra", None)
    own = {known.name: entries.pop(known.name) for known in fields(Record) if known.name in entries}
    for name in MAPPINGS:
        own[name] = own[name] if isinstance(own.get(name), dict) else {}
    for name in ("class_names", "warnings"):
        own[name] = tuple(map(_text, own[name])) if isinstance(own.get(name), list) else ()
    check_entries(own)
    if not is_device(own["device"]):
        own["device"] = {}
    own["command"], own["timings"] = _text(own.get("command")), _timings(own["timings"])
    own["attempts"] = tuple(_attempt(attempt) for attempt in own["attempts"])
    own["error"] = _failure(own.get("error"))
    return Record(**own, extra=entries)


def _timings(timings: Mapping[str, Any]) -> Timings:
    seconds, ended = timings.get("seconds"), timings.get("ended")
    return Timings(_text(timings.get("started")), ended and _text(ended), seconds if is_number(seconds) else None)


def _attempt(attempt: Mapping[str, Any]) -> Attempt:
    return Attempt(**{known.name: attempt[known.name] for known in fields(Attempt) if known.name in attempt})


def _failure(error: object) -> Failure | None:
    if isinstance(error, Mapping):
        return Failure(*(_text(error.get(key)) for key in ("type", "message", "traceback")))
    return Failure("", _text(error), "") if error else None


def _text(value: object) -> str:
    return "" if value is None else str(value)
