"""One process a run. The lock is the operating system's, so that it ends with the process that holds it; its file stays
and says nothing.

A process that trains holds it alone. One that only reads, or clears up, shares it: two readers do not take each other
for training, and a process that wants to train waits for readers, but not for another that trains.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

if sys.platform != "win32":
    import fcntl

SECONDS_BETWEEN = 0.005


@contextmanager
def hold(directory: Path) -> Iterator[bool]:
    """Hold the run in `directory`, unless another process does; yields whether it is held."""
    lock = FileLock(directory / ".lock")
    while not _acquired(lock):
        if is_held(directory):
            yield False
            return
        time.sleep(SECONDS_BETWEEN)  # somebody reads
    try:
        yield True
    finally:
        lock.release()


def is_held(directory: Path) -> bool:
    """Whether a process holds the run in `directory`; writes nothing there."""
    with undisturbed(directory) as free:
        return not free


@contextmanager
def undisturbed(directory: Path) -> Iterator[bool]:
    """Keep processes from holding the run in `directory` until the block ends; yields False if one holds it already."""
    file = directory / ".lock"
    if not file.exists():  # it was never held
        yield True
    elif sys.platform == "win32":  # has no locks to share
        lock = FileLock(file)
        free = _acquired(lock)
        try:
            yield free
        finally:
            lock.release()
    else:
        handle = os.open(file, os.O_RDONLY)
        try:
            yield _shared(handle)
        finally:
            os.close(handle)


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


def _shared(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # held; or the file system knows no locks, where filelock holds a run by the file's being there
        return False
    return True
