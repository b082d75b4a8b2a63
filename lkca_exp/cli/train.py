"""`python -m lkca_exp`: compose a configuration, check it, hand it over.

A mistake is answered from here, before torch is imported: in a few words and with exit status 2. HYDRA_FULL_ERROR=1
shows the traceback too.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import statistics
import sys
from contextlib import nullcontext

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from lkca_exp.cli.streams import make_streams_last
from lkca_exp.config.errors import (
    ConfigError,
    GpuLostError,
    RunFailedError,
    is_out_of_memory,
    out_of_memory,
    short_answers,
)
from lkca_exp.config.job import checked, conf_dir
from lkca_exp.config.machine import limit_spinning
from lkca_exp.config.memory import check_memory
from lkca_exp.config.refusals import explain, is_refusal
from lkca_exp.config.schema import register
from lkca_exp.config.words import flags_first
from lkca_exp.data.content import run_of
from lkca_exp.runs.handover import Handover, Journal
from lkca_exp.runs.run import Run, try_to_write
from lkca_exp.runs.store import find, log_result
from lkca_exp.runs.worker import end_with_parent, leave_lost_gpu, take_gpus
from lkca_exp.sweep.estimate import images_trained

log = logging.getLogger(__name__)


def main() -> None:
    """The console script `lkca-exp`."""
    make_streams_last()
    register()
    limit_spinning()
    # Hydra tells errors in its own way and exits with 1, unless this is set: then it raises them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends it as Ctrl-C does
    with short_answers():
        sys.argv[1:] = flags_first(sys.argv[1:])
        try:
            hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(run)()
        except SystemExit as ended:
            shows_a_part = {"--package", "-p"} & {word.partition("=")[0] for word in sys.argv}
            sys.exit(2 if shows_a_part and ended.code == 1 else ended.code)  # Hydra said that there is no such part
        except Exception as error:
            if not is_refusal(error):
                raise
            raise explain(error, sys.argv[1:]) from error


def run(cfg: DictConfig) -> float | None:
    """Do a job as Hydra hands it over, in this process or in one that a launcher started; where it is the only one,
    answer for it too, before Hydra adds its own words to an error."""
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
    try_to_write(job.config)
    first = run_of(job)
    seeds = range(job.config.seed, job.config.seed + job.config.seeds)
    runs = (dataclasses.replace(first, config=dataclasses.replace(job.config, seed=seed, seeds=1)) for seed in seeds)
    metrics = [_run(run) for run in runs]
    known = [metric for metric in metrics if metric is not None]
    return statistics.fmean(known) if len(known) == len(metrics) else None


def _run(run: Run) -> float | None:
    result = find(run)
    if result is not None:
        return log_result(run, result)
    if run.id in Handover.received().lost:
        raise RunFailedError(run.name, "the GPU was lost with it, and it is not tried again by this sweep")
    journal = Journal.of_this_sweep()
    if journal and (reason := journal.reason_to_stop(run.config.on_failure)):
        log.info("%s: not started: %s", run.name, reason)
        return None
    images = images_trained(dataclasses.asdict(run.config))
    check_memory(run)
    end_with_parent()
    take_gpus(run.config.trainer)
    try:
        metric = _train(run)
    except (ConfigError, RunFailedError) as error:
        if journal:
            log.error("%s", error)
            journal.note(error.kind if isinstance(error, RunFailedError) else str(error), images)
        stops = journal and journal.reason_to_stop(run.config.on_failure)
        if isinstance(error, GpuLostError) and not stops:
            leave_lost_gpu(run)
        raise
    if journal and metric is not None:
        journal.note(None, images)
    return metric


def _train(run: Run) -> float | None:
    """Load torch and train; that there is no memory for it fails the run as it does later on."""
    try:
        from lkca_exp.engine.lifecycle import train

        return train(run)
    except (ImportError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise RunFailedError(run.name, out_of_memory(error)) from error
