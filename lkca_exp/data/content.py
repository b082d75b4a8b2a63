"""Which data files a run reads, as far as its configuration does not say: a part of its id.

The published data sets are known by their names. Other files count by the content of what is read from them, wherever
they lie and whether they are packed, unpacked or copied.
"""

from __future__ import annotations

import dataclasses

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import Job
from lkca_exp.config.schema import DataConfig
from lkca_exp.config.specs import SPECS
from lkca_exp.runs.format import short
from lkca_exp.runs.record import Record
from lkca_exp.runs.run import Run


def run_of(job: Job) -> Run:
    """The run that a job is, with `derived.data_content`, without which it has no id. Reads files only if they may be
    others than the published ones, and packs them then.

    Raises:
        ConfigError: if these files are damaged, or not the data set's.
    """
    content = content_of(job.config.data)
    return Run(job.config, dataclasses.replace(job.derived, data_content=content))


def content_of(data: DataConfig) -> str | None:
    """The content of a data set as configured; None for the published one.

    Raises:
        ConfigError: as `run_of`.
    """
    spec = SPECS.get(data.name)
    if spec and (spec.part_of or (data.verify and spec.checksums == "all")):
        return None
    from lkca_exp.data.store import content  # torch, for torchvision's checksums

    return content(data)


def check_content(record: Record, data: DataConfig) -> None:
    """Make sure that `data` are what the run of this record was trained on; an older record does not say what that was.

    Raises:
        ConfigError: if they are not, or are gone.
    """
    if "data_content" not in record.derived:
        return
    trained_on, now = record.derived["data_content"], content_of(data)
    if trained_on == now:
        return
    key, value = ("data.archive", data.archive) if data.archive else ("data.root", data.root)
    if trained_on is None:
        assert now is not None
        rule = f"The run was trained on the published {data.name}; these files are others (content {short(now)})."
    else:
        rule = f"The run was trained on files of content {short(trained_on)}, which are not there."
    raise ConfigError(key, value, rule, "Put the files that it was trained on in this place.")
