"""What a multirun by another sweeper than ours gets of the same care: Hydra's basic one, Optuna."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from lkca_exp.config.errors import ConfigError, refuse
from lkca_exp.sweep.jobs import first_job
from lkca_exp.sweep.loader import SweepLoader
from lkca_exp.sweep.summary import show_comparison


class OtherSweepers(Callback):
    """Hydra calls it around every multirun."""

    def __init__(self) -> None:
        self.studies: list[Path] = []

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse a sweep whose starting point is wrong, before anything is written; have Optuna continue its study."""
        sweeper = config.hydra.sweeper._target_.rpartition(".")[2]
        if sweeper == "StudySweeper":
            return
        try:
            job = first_job(config, SweepLoader(GlobalHydra.instance().config_loader()))
        except ConfigError as error:
            refuse(error)
        self.studies = [job.directory.parent]
        if sweeper == "OptunaSweeper":
            from lkca_exp.sweep.optuna import continue_study

            continue_study(config.hydra.sweeper, job.directory.parent)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Show what came of it."""
        if self.studies:
            show_comparison(self.studies)
