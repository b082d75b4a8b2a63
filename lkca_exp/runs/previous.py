"""The result that a run had before: set aside when the run is trained again, and brought back.

Files are moved one by one, and a process can be killed in between. A folder named for what is going on holds those that
are under way, and `finish_moves` completes it. run.json leaves first and comes last, so that a folder is never taken
for that of a finished run without its files.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from lkca_exp.config.errors import ConfigError
from lkca_exp.runs.lock import hold
from lkca_exp.runs.record import read_finished

log = logging.getLogger(__name__)

PREVIOUS = "previous"
UNUSABLE = "unusable"
"""For what is no finished result, where `previous` holds one."""
_LEAVING, _COMING_AFTER, _COMING = ".leaving", ".coming_after", ".coming"
_STAYS = {".lock", PREVIOUS, UNUSABLE, _LEAVING, _COMING_AFTER, _COMING}


def finish_moves(folder: Path) -> None:
    """Complete what a killed process began; call it with the run held."""
    if (folder / _LEAVING).is_dir():
        _leave(folder)
    if (folder / _COMING_AFTER).is_dir():
        set_aside(folder)
        (folder / _COMING_AFTER).rename(folder / _COMING)
    if (folder / _COMING).is_dir():
        _move(folder / _COMING, folder)
        (folder / _COMING).rmdir()


def set_aside(folder: Path) -> str:
    """Move all that a run left into `previous/`, in place of what is there, and return the name of that folder; it is
    `unusable/` where a finished result would give way to what is none."""
    if next(_contents(folder), None) is None:
        return PREVIOUS
    (folder / _LEAVING).mkdir()
    return _leave(folder)


def exchange(folder: Path) -> bool:
    """Bring the result in `previous/` back, and set aside what is in its place; False if there is no finished one."""
    if read_finished(folder / PREVIOUS) is None:
        return False
    (folder / PREVIOUS).rename(folder / _COMING_AFTER)
    finish_moves(folder)
    return True


def restore(folder: Path) -> None:
    """The command: exchange the result in `previous/` with what is in its place.

    Raises:
        ConfigError: if there is no finished one, or a process holds the run.
    """
    with hold(folder) as mine:
        if not mine:
            raise ConfigError("run", folder.name, "It is locked by another process.")
        finish_moves(folder)
        if not exchange(folder):
            raise ConfigError("run", folder.name, f"There is no finished result in {folder / PREVIOUS}.")
    record = read_finished(folder)
    assert record is not None
    ended, top1 = record.timings.ended, 100 * record.metrics["test/top1"]
    log.info("%s: the result of %s is back, test top-1 %.2f %%", folder.name, ended, top1)


def _leave(folder: Path) -> str:
    leaving = folder / _LEAVING
    _move(folder, leaving, record_first=True)
    keeps = read_finished(folder / PREVIOUS) is not None and read_finished(leaving) is None
    target = folder / (UNUSABLE if keeps else PREVIOUS)
    shutil.rmtree(target, ignore_errors=True)
    leaving.rename(target)
    return target.name


def _move(source: Path, target: Path, *, record_first: bool = False) -> None:
    for path in sorted(_contents(source), key=lambda path: (path.name == "run.json") != record_first):
        path.rename(target / path.name)


def _contents(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.name not in _STAYS)
