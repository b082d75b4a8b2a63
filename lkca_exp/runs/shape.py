"""What the entries of run.json keep to, so that whoever reads a record can rely on them."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from datetime import datetime
from types import UnionType
from typing import Any

from lkca_exp.runs.rows import is_number

Kinds = dict[str, UnionType | type]

STATUSES = ("running", "finished", "interrupted", "failed")
MAPPINGS = ("derived", "data", "model", "speed", "memory", "versions", "git", "device", "sha256")
REQUIRED: Kinds = {
    **dict.fromkeys(("label", "id", "group", "study", "status"), str),
    **dict.fromkeys(("config", "config.data", "config.model", "config.trainer", "metrics", "timings"), dict),
    **dict.fromkeys(("seed", "numerics", "config.epochs"), int),
    "config.data.name": str,
    "attempts": list,
}
"""Of `config` what readers take from it without composing it."""
IF_THERE: Kinds = {
    "selected_on": str | None,
    "reused_from": str | None,
    "derived.data_content": str | None,
    "config.keep": str,
    "config.data.fraction": int | float,
    "config.data.images_per_class": int | None,
    "config.augment": dict,
    "config.augment.passes_per_epoch": int,
    "config.model.name": str,
    "config.model.family": str,
    "config.model.mixer": dict,
    "config.model.mixer.name": str,
    "config.trainer.fast_run": bool,
}
ATTEMPT: Kinds = {"started": str, "ended": str | None, "status": str, "host": str, "from_epoch": int, "pid": int}
MOST_THREADS = 4096
_ABSENT = object()


def check_entries(entries: Mapping[str, Any]) -> None:
    """Check the entries of a record, of which `MAPPINGS` are there.

    Raises:
        ValueError: for one that is missing, of another type, or that no run can have; it says which.
    """
    for name, kind in REQUIRED.items():
        _check(name, _at(entries, name, None), kind)
    for name, kind in IF_THERE.items():
        if (value := _at(entries, name, _ABSENT)) is not _ABSENT:
            _check(name, value, kind)
    if entries["status"] not in STATUSES:
        raise _wrong("status", entries["status"])
    if entries["config"]["epochs"] < 1:
        raise _wrong("config.epochs", entries["config"]["epochs"])
    for name in ("mean", "std") if entries["data"] else ():
        values = entries["data"].get(name)
        if not isinstance(values, list) or len(values) != entries["derived"].get("channels"):
            raise _wrong(f"data.{name}", values)
        if not all(is_number(value) and (value > 0 or name == "mean") for value in values):
            raise _wrong(f"data.{name}", values)
    _check_results(entries)
    seconds = entries["timings"].get("seconds")
    if _is(seconds, int | float) and not (is_number(seconds) and seconds >= 0):
        raise _wrong("timings.seconds", seconds)
    for attempt in entries["attempts"]:
        _check_attempt(attempt)
    if entries["status"] == "running" and not entries["attempts"]:
        raise _wrong("attempts", [])


def is_device(device: Mapping[str, Any]) -> bool:
    """Whether an entry `device` says on what a run is computed, and with how many threads."""
    threads = device.get("threads")
    known = isinstance(threads, int) and _is(threads, int) and 0 < threads <= MOST_THREADS
    return known and isinstance(device.get("accelerator"), str)


def _check_results(entries: Mapping[str, Any]) -> None:
    """Metrics are finite, accuracies and calibration errors fractions; speeds and sizes are no less than 0."""
    for name, value in entries["metrics"].items():
        fraction = name.endswith(("top1", "top5", "calibration_error"))
        if not is_number(value) or (fraction and not 0 <= value <= 1):
            raise _wrong(f"metrics.{name}", value)
    if entries["status"] == "finished" and "test/top1" not in entries["metrics"]:
        raise _wrong("metrics.test/top1", None)
    for part in ("model", "speed", "memory"):
        for name, value in entries[part].items():
            if _is(value, int | float) and not (is_number(value) and value >= 0):
                raise _wrong(f"{part}.{name}", value)


def _check_attempt(attempt: object) -> None:
    _check("attempts", attempt, dict)
    assert isinstance(attempt, dict)
    for name, kind in ATTEMPT.items():
        if name not in attempt:
            continue
        value = attempt[name]
        _check(f"attempts.{name}", value, kind)
        if (kind is int and value < 0) or (name in ("started", "ended") and value and not _is_time(value)):
            raise _wrong(f"attempts.{name}", value)


def _at(entries: Mapping[str, Any], name: str, absent: object) -> Any:
    """The entry with a dotted name."""
    value: Any = entries
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return absent
        value = value[part]
    return value


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is(value: object, kind: UnionType | type) -> bool:
    """`isinstance`, to which true and false are no numbers."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _check(name: str, value: object, kind: UnionType | type) -> None:
    if not _is(value, kind):
        expected = kind.__name__ if isinstance(kind, type) else str(kind)
        raise ValueError(f"run.json has {reprlib.repr(value)} for {name}, not {expected}")


def _wrong(name: str, value: object) -> ValueError:
    return ValueError(f"run.json has {reprlib.repr(value)} for {name}")
