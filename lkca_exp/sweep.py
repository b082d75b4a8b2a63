"""Wiring of a sweep: every job is checked before the first one starts, and the end shows the comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from lkca_exp.config.errors import ConfigError, refuse
from lkca_exp.config.job import Job, checked
from lkca_exp.config.refusals import explain, is_refusal
from lkca_exp.data.specs import SPECS
from lkca_exp.runs.record import check_writable


class SweepCallback(Callback):
    """Hydra calls it around a multirun."""

    def __init__(self) -> None:
        self.studies: list[Path] = []

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse the whole sweep if one of its jobs is wrong, before anything is written."""
        try:
            jobs = resolve(config)
            for job in jobs:
                check_writable(job.config)
        except ConfigError as error:
            refuse(error)
        self.studies = list(dict.fromkeys(Path(job.config.paths.runs, job.config.study) for job in jobs))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Show what came of it."""
        from lkca_exp.report.build import report

        report(self.studies)


def resolve(config: DictConfig) -> list[Job]:
    """Every job of a multirun by Hydra's basic sweeper, composed and checked; of another sweeper, which decides as it
    goes, the one that the command line starts from.

    Raises:
        ConfigError: if one of them breaks a rule; it names the job.
    """
    loader = GlobalHydra.instance().config_loader()
    words = list(config.hydra.overrides.task)
    jobs = [words]
    if config.hydra.sweeper._target_.endswith(".BasicSweeper"):
        words = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()] + words
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(words)
        jobs = BasicSweeper.split_arguments(overrides, max_batch_size=None)[0]
    resolved = []
    for number, job in enumerate(jobs):
        try:
            cfg = loader.load_sweep_config(config, list(job))
            resolved.append(checked(cfg, SPECS))
        except Exception as error:
            if not (isinstance(error, ConfigError) or is_refusal(error)):
                raise
            told = error if isinstance(error, ConfigError) else explain(error, job)
            where = f"In job #{number} of {len(jobs)}: {' '.join(job)}"
            raise ConfigError(told.key, told.value, told.rule, f"{told.remedy}\n  {where}".strip()) from error
    return resolved
