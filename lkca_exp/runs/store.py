"""Results that exist already, in any study: returned or reused."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

from lkca_exp.config.errors import ConfigError
from lkca_exp.runs.checksums import CHECKED, misfits
from lkca_exp.runs.lock import hold
from lkca_exp.runs.record import Damaged, Newer, Record, objective, read, read_finished, write
from lkca_exp.runs.run import Run

log = logging.getLogger(__name__)

RESULT_FILES = ("config.yaml", *CHECKED, "train.log")
ANALYSIS = "analysis"


def find(run: Run) -> Record | None:
    """The record of the run if it finished before, here or in another study, whose result it then reuses; None if it
    has to be trained, or another process is at it.

    Raises:
        ConfigError: if its folder has the record of a newer version.
    """
    if own := _own_result(run, read(run.directory)):
        return own
    if find_twin(run) is None:
        return None
    run.directory.mkdir(parents=True, exist_ok=True)
    with hold(run.directory) as mine:
        return find_result(run, read(run.directory)) if mine else None


def find_result(run: Run, record: Record | Damaged | None) -> Record | None:
    """The same where this process holds the run and has read `record`, that in its folder."""
    if own := _own_result(run, record):
        return own
    if isinstance(record, Damaged) or (twin := find_twin(run)) is None:
        return None
    if changed := misfits(*twin):
        log.warning("%s is not reused: %s differs from its record", twin[0], " and ".join(changed))
        return None
    return reuse(*twin, run.directory)


def _own_result(run: Run, record: Record | Damaged | None) -> Record | None:
    if isinstance(record, Newer):
        remedy = "Use that version, or another folder with paths.runs=DIR."
        raise ConfigError("paths.runs", run.config.paths.runs, f"{run.directory}: {record.reason}.", remedy)
    if isinstance(record, Record) and record.status == "finished" and record.id == run.id and not run.config.force:
        return record
    return None


def find_twin(run: Run) -> tuple[Path, Record] | None:
    """A finished run of the same id under the same root, in another study or under another label: its folder and its
    record. None if the run is to be trained all the same."""
    if run.config.force:
        return None
    for candidate in sorted(run.directory.parents[1].glob(f"*/*-{run.id[:8]}")):
        if candidate != run.directory and (record := read_finished(candidate)) and record.id == run.id:
            return candidate, record
    return None


def log_result(run: Run, record: Record) -> float:
    """Log that the run has this result already, and return its metric."""
    how = f"taken over from {record.reused_from}" if record.reused_from else "finished before"
    log.info("%s: %s, test top-1 %.2f %%", run.name, how, 100 * record.metrics["test/top1"])
    return objective(record)


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


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
