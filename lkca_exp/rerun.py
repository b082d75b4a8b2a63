"""Wiring of `python -m lkca_exp.runs rerun`: a run that is recorded is trained once more, and the results compared."""

from __future__ import annotations

import logging
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import Job, checked, restored
from lkca_exp.content import check_content, with_content
from lkca_exp.runs import record as records
from lkca_exp.runs.files import read_rows
from lkca_exp.runs.state import RunState, State, look

log = logging.getLogger(__name__)


class Result(NamedTuple):
    """What a run that finished came to: a row an epoch, and the final metrics."""

    rows: list[dict[str, Any]]
    metrics: dict[str, Any]


def rerun(folder: Path, study: str | None = None) -> None:
    """Train the run in `folder` as its record says, with as many threads, compiled or not as it was; under the same
    root, in the same study or another. A finished result there is set aside, an unfinished one continued.

    Raises:
        ConfigError: if it cannot be trained as it was, on the data that it was trained on, or a process is at it.
        RunFailedError: if training raised.
    """
    run = look(folder)
    job = job_of(run, study)
    if run.record is not None:
        check_content(run.record, job.config.data)
    job = with_content(job)
    target = records.run_directory(job.config, job.derived)
    if look(target).state is State.RUNNING:
        raise ConfigError(
            "run", run.name, "A process is at it.", "`python -m lkca_exp.runs status` tells how far it is."
        )
    if target.name != run.folder.absolute().name:
        log.warning("%s: with this code its settings are another run, %s", run.name, target.name)
    before = _result(folder) or _result(folder / "previous")
    from lkca_exp.train import train
    from lkca_exp.training.device import take_up_threads

    if run.record and run.record["device"]:
        take_up_threads(run.record["device"])
    trained = train(job.config, job.derived) is not None
    now = _result(target) if trained else None
    if before and now:
        log.info("%s: %s", target.name, compare(before, now))


def job_of(run: RunState, study: str | None = None) -> Job:
    """The job that a run was, to be trained whatever results exist, where it lies now or in another study.

    Raises:
        ConfigError: if its configuration is not to be had, or breaks a rule.
    """
    place, written = run.folder.absolute(), run.folder / "config.yaml"
    if run.record is not None:
        settings = run.record["config"]
    elif written.exists():
        settings = OmegaConf.to_container(OmegaConf.load(written))
    else:
        raise ConfigError("run", run.name, "Neither run.json nor config.yaml says what it was.")
    cfg = restored(settings)
    if run.record is not None:
        cfg.compile = run.record["model"].get("compiled", False)
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
    record = records.read(folder)
    if record is None or record["status"] != "finished":
        return None
    return Result(read_rows(folder / "metrics.jsonl"), record["metrics"])


def _root(place: Path) -> Path:
    """The folder of all studies, below the present one if it is."""
    root, here = place.parents[1], Path.cwd()
    return root.relative_to(here) if root.is_relative_to(here) else root
