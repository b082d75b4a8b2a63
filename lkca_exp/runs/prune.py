"""Disk space that no result needs: what a finished run would continue from, what a killed writer left, and, if wanted,
the result that a later one replaced.

A run that a process holds is left alone, and so are the checkpoint of an unfinished run and the folders of W&B and
TensorBoard, which may hold what was not uploaded yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lkca_exp.runs.lock import undisturbed
from lkca_exp.runs.previous import PREVIOUS, UNUSABLE
from lkca_exp.runs.state import State, run_state
from lkca_exp.runs.store import ANALYSIS, RESULT_FILES

REPLACED_FILES = ("run.json", *RESULT_FILES)


def leftovers(folder: Path, *, previous: bool) -> list[Path]:
    """The files of a run that can go; `previous`: those of the result that a later one replaced, too."""
    with undisturbed(folder) as free:
        return _leftovers(folder, previous) if free else []


def remove(folder: Path, *, previous: bool) -> list[Path]:
    """Remove the leftovers of a run, if no process holds it; returns the removed files."""
    with undisturbed(folder) as free:
        files = _leftovers(folder, previous) if free else []
        for file in files:
            file.unlink()
        for place in (folder, folder / PREVIOUS, folder / UNUSABLE):
            for emptied in (place / "checkpoints", place / ANALYSIS, *([place] if place != folder else [])):
                if emptied.is_dir() and not any(emptied.iterdir()):
                    emptied.rmdir()
    return files


def freed_bytes(files: Sequence[Path]) -> int:
    """The bytes that removing `files` gives back: those of a file that has other names remain."""
    stats = [file.stat() for file in files]
    names = Counter((stat.st_dev, stat.st_ino) for stat in stats)
    sizes = {(stat.st_dev, stat.st_ino): (stat.st_size, stat.st_nlink) for stat in stats}
    return sum(size for file, (size, num_names) in sizes.items() if names[file] == num_names)


def _leftovers(folder: Path, previous: bool) -> list[Path]:
    replaced = (folder / PREVIOUS, folder / UNUSABLE)
    places = (folder, folder / "checkpoints", folder / ANALYSIS, *replaced)
    files = [file for place in places for file in place.glob(".*.tmp")]
    if run_state(folder).state is State.FINISHED:
        files += (folder / "checkpoints").glob("*.ckpt")
        for place in replaced if previous else ():
            files += [place / name for name in REPLACED_FILES if (place / name).exists()]
            files += [*(place / "checkpoints").glob("*"), *(place / ANALYSIS).glob("*")]
    return sorted(set(files))
