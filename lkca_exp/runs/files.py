"""Files that are never half there: written beside their place, flushed to the disk, then renamed into it."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


class NoSpaceError(OSError):
    """A disk that is full, or a quota that is used up."""

    def __str__(self) -> str:
        return str(self.strerror)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make the file under a temporary name and move it to `path` once it is whole and on the disk.

    Raises:
        NoSpaceError: if there is no space for it; what was in `path` still is.
    """
    try:
        replace_file(path, write)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpaceError(error.errno, f"no space left on {_mount(path.absolute())}") from error
        raise


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """What `write_atomically` does, which says more of a full disk. Raises OSError as the system does."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write `value` for people and programs."""
    write_atomically(path, lambda file: file.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n"))


def _mount(path: Path) -> Path:
    """Where the file system of `path` begins."""
    return next(place for place in path.parents if os.path.ismount(place))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_directory(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
