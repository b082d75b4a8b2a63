"""Where Hydra looks for plugins: it takes sweepers from this namespace alone.

What the sweeper does is in lkca_exp/sweep, imported once a sweep begins: every program with Hydra that shares the
environment scans this module.
"""

from __future__ import annotations

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class StudySweeper(Sweeper):
    """Resolves all jobs, refuses the sweep if one is wrong, launches those that have no result yet."""

    def __init__(self, params: DictConfig | None, cases: list[str], exclude: list[str], then: DictConfig) -> None:
        """The jobs are read from the configuration, where `python -m lkca_exp.runs plan` finds them too."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> list[float | None]:
        """Returns the metric of every job, in the order of the jobs; None where there is none."""
        from lkca_exp.sweep.sweeper import sweep

        assert self.config is not None
        assert self.hydra_context is not None
        return sweep(self.config, self.task_function, self.hydra_context)
