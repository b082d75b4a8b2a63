"""Train a recorded run again and compare the results."""

from __future__ import annotations

import logging
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import Job, checked, restored
from lkca_exp.data.content import check_content, run_of
from lkca_exp.runs.checksums import METRICS, misfits
from lkca_exp.runs.previous import PREVIOUS
from lkca_exp.runs.record import read_finished
from lkca_exp.runs.rows import read_rows
from lkca_exp.runs.state import RunState, State, run_state

log = logging.getLogger(__name__)


class Result(NamedTuple):
    """The result of a finished run: a row an epoch, and the final metrics."""

    rows: list[dict[str, Any]]
    metrics: dict[str, Any]


def rerun(folder: Path, study: str | None = None) -> None:
    """Train the run in `folder` as its record says, with as many threads, compiled or not as it was; under the same
    root, in the same study or another. A finished result there is set aside, an unfinished one continued.

    Raises:
        ConfigError: if it cannot be trained as it was, on the data that it was trained on, or another process has it.
        RunFailedError: if training raised.
    """
    run = run_state(folder)
    job = job_of(run, study)
    if run.record is not None:
        check_content(run.record, job.config.data)
    new = run_of(job)
    if run_state(new.directory).state is State.RUNNING:
        raise ConfigError(
            "run", run.name, "It is locked by another process.", "`python -m lkca_exp.runs status` shows its progress."
        )
    if new.name != run.folder.absolute().name:
        log.warning("%s: with this code its settings are another run, %s", run.name, new.name)
    for place in (folder, folder / PREVIOUS):
        record = read_finished(place)
        for name in misfits(place, record) if record else ():
            log.warning("%s: %s differs from its record: damaged, or another run's", place, name)
    before = _result(folder) or _result(folder / PREVIOUS)
    from lkca_exp.engine.lifecycle import train
    from lkca_exp.training.device import take_up_threads

    if run.record and run.record.device:
        take_up_threads(run.record.device)
    trained = train(new) is not None
    now = _result(new.directory) if trained else None
    if before and now:
        log.info("%s: %s", new.name, compare(before, now))


def job_of(run: RunState, study: str | None = None) -> Job:
    """The job that a run was, to be trained whatever results exist, where it lies now or in another study.

    Raises:
        ConfigError: if its configuration is unavailable, or breaks a rule.
    """
    place, written = run.folder.absolute(), run.folder / "config.yaml"
    if run.record is not None:
        settings: Any = run.record.config
    elif written.exists():
        settings = OmegaConf.to_container(OmegaConf.load(written))
    else:
        raise ConfigError("run", run.name, "Neither run.json nor config.yaml says what it was.")
    cfg = restored(settings)
    if run.record is not None:
        cfg.compile = run.record.model.get("compiled", False)
    cfg.force, cfg.study, cfg.paths.runs = True, study or place.parent.name, str(_root(place))
    return checked(cfg)


def compare(before: Result, now: Result) -> str:
    """Whether two results are the same, to the last digit."""
    if before == now:
        return "every number is as it was before"
    pairs = zip_longest(before.rows, now.rows)
    epoch = next((epoch for epoch, (old, new) in enumerate(pairs) if old != new), None)
    since = "in the test alone" if epoch is None else f"from epoch {epoch} on"
    old, new = (100 * result.metrics["test/top1"] for result in (before, now))
    return f"differs from before, {since}: test top-1 was {old:.2f} %, is {new:.2f} %"


def _result(folder: Path) -> Result | None:
    record = read_finished(folder)
    return Result(read_rows(folder / METRICS)[0], record.metrics) if record else None


def _root(place: Path) -> Path:
    """The folder of all studies, below the present one if it is."""
    root, here = place.parents[1], Path.cwd()
    return root.relative_to(here) if root.is_relative_to(here) else root
