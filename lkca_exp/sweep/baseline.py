"""Whether what an experiment names as its baseline is among the jobs of its sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from lkca_exp.config.baseline import fits
from lkca_exp.config.errors import ConfigError
from lkca_exp.runs.format import flatten
from lkca_exp.runs.run import Run


def check_baseline(jobs: Sequence[Run]) -> None:
    """Raises ConfigError for a `report.baseline` that fits none of the jobs."""
    for named in {job.config.report.baseline for job in jobs}:
        if named is not None and not any(fits(named, flatten(asdict(job.config)) | job.result_keys) for job in jobs):
            rule = "No job of the sweep is such a variant, so that there would be nothing to compare with."
            remedy = "Name one by its keys, as in report.baseline=attention, or leave it at null."
            raise ConfigError("report.baseline", named, rule, remedy)
