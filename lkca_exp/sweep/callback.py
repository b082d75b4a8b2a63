"""What Hydra calls before and after a multirun, by our sweeper or another: its basic one, Optuna's."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from lkca_exp.config.errors import ConfigError, refuse
from lkca_exp.config.machine import gpus
from lkca_exp.runs.handover import Handover, Journal
from lkca_exp.runs.record import now
from lkca_exp.sweep.jobs import first_job, parse
from lkca_exp.sweep.loader import SweepLoader
from lkca_exp.sweep.plan import duration
from lkca_exp.sweep.summary import show_comparison
from lkca_exp.training.sinks.wandb import sweep_stays_offline

log = logging.getLogger(__name__)

EXTRAS = ("submitit", "ray", "optuna")
LAUNCHERS = ("JoblibLauncher", "LocalLauncher")
"""Those that show every job all GPUs of the machine, or none: the jobs share them out."""


class SweepCallback(Callback):
    """Checks that launcher and sweeper are installed, and gives other sweepers than ours something of its care."""

    def __init__(self) -> None:
        self.studies: list[Path] = []
        self.search: Path | None = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse a sweep that cannot work, before anything is written; have Optuna continue its study."""
        try:
            for part in ("launcher", "sweeper"):
                check_available(part, config.hydra[part]._target_)
            launcher = config.hydra.launcher
            if "n_jobs" in launcher and not OmegaConf.is_interpolation(launcher, "n_jobs") and launcher.n_jobs == 0:
                raise ConfigError("hydra.launcher.n_jobs", 0, "It must be at least 1, or -1 for all CPUs.")
            shared = gpus() if _class(config.hydra.launcher) in LAUNCHERS else ()
            os.environ.update(Handover(shared, pid=os.getpid(), lost=Handover.received().lost).environment)
            logging.getLogger("hydra_plugins.hydra_joblib_launcher").setLevel(logging.WARNING)  # it echoes every job
            if _class(config.hydra.sweeper) != "StudySweeper":
                self._begin(config)
        except ConfigError as error:
            refuse(error)

    def _begin(self, config: DictConfig) -> None:
        loader = SweepLoader(GlobalHydra.instance().config_loader())
        job = first_job(config, loader)
        self.studies = [job.directory.parent]
        handover = replace(Handover.received(), wandb_offline=sweep_stays_offline([job.config.logger]))
        os.environ.update(handover.environment)
        if _class(config.hydra.sweeper) == "OptunaSweeper":
            from lkca_exp.sweep.optuna import check_search, continue_study, near_ends, note_begin

            sweeper = config.hydra.sweeper
            params = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
            overrides = parse([*params, *config.hydra.overrides.task])
            check_search(sweeper, overrides)
            if "n_jobs" in config.hydra.launcher:
                config.hydra.launcher.n_jobs = min(config.hydra.launcher.n_jobs, sweeper.n_jobs)
            for word in (word for override in overrides for word in near_ends(override)):
                first_job(config, loader, [word])
            continue_study(sweeper, job.directory.parent)
            self.search = job.directory.parent
            note_begin(self.search, sweeper.n_trials * config.seeds)
            os.environ.update(replace(handover, num_jobs=sweeper.n_trials, begun=now()).environment)

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Say how far the sweep is."""
        sweep = Handover.received()
        if line := progress_line(sweep, *done_so_far(sweep, config.hydra), datetime.now(UTC)):
            log.info("%s", line)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Show what came of it."""
        if self.search:
            from lkca_exp.sweep.optuna import note_end

            note_end(self.search)
        if self.studies:
            show_comparison(self.studies)


def done_so_far(sweep: Handover, settings: DictConfig) -> tuple[int, float]:
    """How many jobs of a sweep have ended and what share of its training that is, seen from a job that starts, of which
    `settings` are `hydra`. Optuna starts `n_jobs` at a time and waits for them."""
    if sweep.journal:
        ends = Journal(Path(sweep.journal)).ends()
        return len(ends), sum(end.images for end in ends) / sweep.images
    if not sweep.num_jobs:
        return 0, 0.0
    done = settings.job.num - settings.job.num % settings.sweeper.n_jobs
    return done, done / sweep.num_jobs


def progress_line(sweep: Handover, done: int, share: float, now: datetime) -> str:
    """7 of 24 jobs done, about 20 s left: if the others pass as many images a second. Empty before the first has ended,
    and outside a sweep."""
    if not done or done >= sweep.num_jobs:
        return ""
    seconds = (now - datetime.fromisoformat(sweep.begun)).total_seconds() * (1 - share) / share
    return f"{done} of {sweep.num_jobs} jobs done, about {duration(seconds) or '1 s'} left"


def check_available(part: str, target: str) -> None:
    """Make sure that the plugin behind `hydra/<part>` is there, and the queue that it submits to.

    Raises:
        ConfigError: if it is not, and which extra of the package brings it.
    """
    for extra in EXTRAS:
        package = f"hydra_plugins.hydra_{extra}_{part}"
        if target.startswith(f"{package}.") and importlib.util.find_spec(package) is None:
            rule = f"It comes with the extra {extra}, which is not installed."
            raise ConfigError(f"hydra/{part}", extra, rule, f'pip install "lkca-exp[{extra}]"')
    if target.endswith(".SlurmLauncher") and shutil.which("srun") is None:
        rule = "There is no SLURM on this machine: srun is not found."
        raise ConfigError(
            "hydra/launcher", "submitit_slurm", rule, "hydra/launcher=submitit_local tries the sweep out here."
        )


def _class(plugin: DictConfig) -> str:
    return str(plugin._target_).rpartition(".")[2]
