"""One job, as Hydra hands it over: in this process, or in whichever one a launcher started for it."""

from __future__ import annotations

import dataclasses
import logging
import statistics
from contextlib import nullcontext

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lkca_exp.config.derive import Derived
from lkca_exp.config.errors import ConfigError, RunFailedError, short_answers
from lkca_exp.config.job import checked
from lkca_exp.config.schema import Config
from lkca_exp.content import with_content
from lkca_exp.runs.identity import directory_name
from lkca_exp.runs.ledger import finished_before
from lkca_exp.runs.record import check_writable
from lkca_exp.sweep.journal import Journal
from lkca_exp.sweep.orphan import end_with_parent
from lkca_exp.sweep.slots import take_gpus

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> float | None:
    """Do a job; where it is the only one, answer for it too, before Hydra adds its own words to an error."""
    alone = HydraConfig.get().mode is RunMode.RUN
    with short_answers() if alone else nullcontext():
        return run_job(cfg)


def run_job(cfg: DictConfig) -> float | None:
    """Check a job and train it, with each of its seeds.

    Returns:
        The metric to tune, the mean over the seeds; None where another process holds a run or the sweep has stopped.

    Raises:
        ConfigError: if the job cannot work, or not here.
        RunFailedError: if a run raised.
    """
    job = checked(cfg)
    check_writable(job.config)
    job = with_content(job)
    seeds = range(job.config.seed, job.config.seed + job.config.seeds)
    metrics = [_run(dataclasses.replace(job.config, seed=seed, seeds=1), job.derived) for seed in seeds]
    known = [metric for metric in metrics if metric is not None]
    return statistics.fmean(known) if len(known) == len(metrics) else None


def _run(config: Config, derived: Derived) -> float | None:
    done = finished_before(config, derived)
    if done is not None:
        return done
    journal = Journal.of_this_sweep()
    if journal and (reason := journal.reason_to_stop(config.on_failure)):
        log.info("%s: not started: %s", directory_name(config, derived), reason)
        return None
    end_with_parent()
    take_gpus(config.trainer)
    from lkca_exp.train import train

    try:
        metric = train(config, derived)
    except (ConfigError, RunFailedError) as error:
        if journal:
            log.error("%s", error)
            journal.note(error.cause if isinstance(error, RunFailedError) else str(error))
        raise
    if journal and metric is not None:
        journal.note(None)
    return metric
