"""What has been run already, under any study."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

from lkca_exp.config.derive import Derived
from lkca_exp.config.schema import Config
from lkca_exp.runs.identity import identity
from lkca_exp.runs.record import Record, objective, read_finished, run_directory, write

log = logging.getLogger(__name__)

RESULT_FILES = ("config.yaml", "metrics.jsonl", "predictions.npz", "weights.safetensors", "train.log")
ANALYSIS = "analysis"


def finished(directory: Path, id: str) -> Record | None:
    """The record in `directory` if it has this identity and finished."""
    record = read_finished(directory)
    return record if record and record.id == id else None


def finished_before(config: Config, derived: Derived) -> float | None:
    """The metric of a run that finished before, as `find` does, and a line of log that says so."""
    record = find(config, derived)
    if record is None:
        return None
    how = f"taken over from {record.reused_from}" if record.reused_from else "finished before"
    name = run_directory(config, derived).name
    log.info("%s: %s, test top-1 %.2f %%", name, how, 100 * record.metrics["test/top1"])
    return objective(record)


def find(config: Config, derived: Derived) -> Record | None:
    """The record of the run if it finished before, here or in another study, from where it is then taken over; None if
    it has to be trained."""
    if config.force:
        return None
    directory, id = run_directory(config, derived), identity(config, derived)
    record = finished(directory, id)
    if record is None and (twin := find_twin(directory, id)):
        return reuse(*twin, directory)
    return record


def find_twin(directory: Path, id: str) -> tuple[Path, Record] | None:
    """A finished run of the same identity under the same root, in another study or under another label: its folder
    and its record."""
    for candidate in sorted(directory.parents[1].glob(f"*/*-{id[:8]}")):
        if candidate != directory and (record := finished(candidate, id)):
            return candidate, record
    return None


def reuse(twin: Path, record: Record, directory: Path) -> Record:
    """Take over a finished run from another study: its files are linked, or copied where the disk has no links."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in (*RESULT_FILES, *(f"{ANALYSIS}/{path.name}" for path in sorted(twin.glob(f"{ANALYSIS}/*")))):
        if (twin / name).is_file():
            _link(twin / name, directory / name)
    origin = record.reused_from or "/".join(twin.parts[-2:])
    record = replace(record, study=directory.parent.name, reused_from=origin)
    write(directory, record)
    return record


def set_aside(directory: Path) -> None:
    """Move a finished result into `previous/`, so that training again does not destroy it."""
    previous = directory / "previous"
    shutil.rmtree(previous, ignore_errors=True)
    previous.mkdir()
    for path in directory.iterdir():
        if path != previous and path.name != ".lock":
            path.rename(previous / path.name)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
