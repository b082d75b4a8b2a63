"""Runs and studies by what a user types for them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from lkca_exp.config.errors import ConfigError
from lkca_exp.runs.format import RUN_FOLDER
from lkca_exp.runs.record import Record, read

MOST_NAMED = 5


def is_run(folder: Path) -> bool:
    """Whether a folder is a run's: by its record, or by its name where there is none yet."""
    return folder.is_dir() and ((folder / "run.json").is_file() or bool(RUN_FOLDER.search(folder.name)))


def runs_in(study: Path) -> list[Path]:
    """The run folders of a study, by name."""
    return sorted(child for child in study.iterdir() if is_run(child)) if study.is_dir() else []


def all_runs(root: Path) -> list[Path]:
    """The run folders of all studies below `root`."""
    studies = sorted(root.iterdir()) if root.is_dir() else []
    return [run for study in studies for run in runs_in(study)]


def find_studies(texts: Sequence[str], root: Path) -> dict[Path, list[Path]]:
    """Study folder -> its runs, of the studies that are named; of all below `root` where none is.

    A study is given as its folder or by its name; a folder of studies stands for all of them.

    Raises:
        ConfigError: if there is no such study, or no run in it.
    """
    runs = [run for text in texts for run in _study(text, root)] if texts else all_runs(root)
    if not runs:
        raise ConfigError("--runs", root, "There are no runs.", "Name the folder with --runs DIR.")
    studies: dict[Path, list[Path]] = {}
    for run in dict.fromkeys(runs):
        studies.setdefault(run.parent, []).append(run)
    return studies


def find_runs(texts: Sequence[str], root: Path) -> list[Path]:
    """The runs that are named, each once: those of a study, given as its folder or by its name, or those that are
    given as `find_run` takes them; a beginning may be that of several.

    Raises:
        ConfigError: if a text names neither a study nor a run.
    """
    return list(dict.fromkeys(run for text in texts for run in _runs(text, root)))


def find_run(text: str, root: Path) -> Path:
    """The run that is given as its folder, as `study/name`, by the beginning of its name or id, or by the first words
    of its name with its seed.

    Raises:
        ConfigError: if there is no such run, or several.
    """
    if is_run(Path(text)):
        return Path(text)
    runs = all_runs(root)
    fitting = _fitting(runs, text)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ConfigError("run", text, f"{len(fitting)} runs are called so.", f"Say more: {_named(fitting)}.")
    raise ConfigError("run", text, f"There is no such run in {root}.", _near(text, map(_full_name, runs)))


def _runs(text: str, root: Path) -> list[Path]:
    if is_run(Path(text)):
        return [Path(text)]
    runs = all_runs(root)
    matches = _runs_of_study(text, root) or _fitting(runs, text)
    if not matches:
        names = {name for run in runs for name in (run.parent.name, _full_name(run))}
        raise ConfigError("run", text, f"There is no such run or study in {root}.", _near(text, names))
    return matches


def _study(text: str, root: Path) -> list[Path]:
    if runs := _runs_of_study(text, root):
        return runs
    names = {run.parent.name for run in all_runs(root)}
    raise ConfigError("study", text, f"There is no such study in {root}, or no run in it.", _near(text, names))


def _runs_of_study(text: str, root: Path) -> list[Path]:
    """Empty if there is no such study."""
    return next((runs for folder in (Path(text), root / text) if (runs := runs_in(folder) or all_runs(folder))), [])


def _fitting(runs: Sequence[Path], text: str) -> list[Path]:
    """The run of this name, else those that the text is the beginning of."""
    return [run for run in runs if text in (_full_name(run), run.name)] or [run for run in runs if _fits(run, text)]


def _fits(run: Path, text: str) -> bool:
    if any(_begins(name, text) for name in (_full_name(run), run.name)):
        return True
    short_id = run.name.rpartition("-")[2]
    if short_id.startswith(text):
        return True
    record = read(run) if text.startswith(short_id) else None
    return isinstance(record, Record) and record.id.startswith(text)


def _begins(name: str, text: str) -> bool:
    """Whether the text is the beginning of a run's name, or its first words with its seed: digits-lkca-s0."""
    words, dash, seed = text.rpartition("-s")
    with_seed = bool(dash) and name.startswith(f"{words}-") and name[: -len("-01234567")].endswith(f"-s{seed}")
    return name.startswith(text) or with_seed


def _full_name(run: Path) -> str:
    return f"{run.parent.name}/{run.name}"


def _named(runs: Sequence[Path]) -> str:
    names = [_full_name(run) for run in runs[:MOST_NAMED]]
    return ", ".join(names) + (", ..." if len(runs) > MOST_NAMED else "")


def _near(text: str, names: Iterable[str]) -> str:
    """The nearest names, as a sentence; all of them where there are few."""
    names = sorted(names)
    parts = {part: name for name in names for part in (name, name.rpartition("/")[2], name.rpartition("-")[2])}
    near = difflib.get_close_matches(text, parts, n=MOST_NAMED, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(dict.fromkeys(parts[part] for part in near))}?"
    if len(names) <= MOST_NAMED:
        return f"There is: {', '.join(names)}." if names else ""
    return "`python -m lkca_exp.runs status` lists them."
