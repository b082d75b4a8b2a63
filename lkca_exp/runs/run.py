"""A run: what is trained, where, and its id, made of all that can change its result and of nothing else."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import Job
from lkca_exp.config.schema import (
    BestOnTestConfig,
    Config,
    HoldoutConfig,
    VitConfig,
)
from lkca_exp.runs.environment import command_line, git_state, versions
from lkca_exp.runs.format import RUN_FOLDER
from lkca_exp.runs.label import label_of, result_fields
from lkca_exp.runs.record import Record, Timings, now

NUMERICS = 6
"""Raised whenever the same configuration would train to other weights than before."""

DERIVED_KEYS = {
    "model.patch_size": "patch_size",
    "model.width": "width",
    "model.depth": "depth",
    "model.mlp_ratio": "mlp_ratio",
    "model.mixer.num_heads": "num_heads",
    "model.mixer.kernel_size": "kernel_size",
    "augment.crop_padding_px": "crop_padding_px",
    "augment.mirror": "mirror",
    "augment.auto_policy": "auto_policy",
    "optim.warmup_epochs": "warmup_epochs",
}


class Run(Job):
    """A job whose data are known (`derived.data_content`), with its names, each worked out once."""

    @functools.cached_property
    def result_keys(self) -> dict[str, Any]:
        """The keys that can change the result, with what follows in place of `null`: writing out the value that an open
        key resolves to is the same run. `model.size` only names values that stand here themselves. Data files count by
        their content (`data.content`) unless they are the published ones, which `data.name` names. The number of
        devices counts for models of other packages, whose batch norms and dropout see a device's share of the batch;
        ours compute the same on any number."""
        config, derived = self.config, self.derived
        settings = {"numerics": NUMERICS, **dict(_result_keys(config))}
        settings.pop("model.size", None)
        if derived.data_content is not None:
            settings["data.content"] = derived.data_content
        if not isinstance(config.model, VitConfig) and config.trainer.devices > 1:
            settings["trainer.devices"] = config.trainer.devices
        for name, attribute in DERIVED_KEYS.items():
            if name in settings:
                settings[name] = getattr(derived, attribute)
        return settings

    @functools.cached_property
    def id(self) -> str:
        """SHA-256 of the canonical configuration, in hexadecimal."""
        return _digest(self.result_keys)

    @functools.cached_property
    def group(self) -> str:
        """The id without the seed: the runs that are averaged share it."""
        return _digest({key: value for key, value in self.result_keys.items() if key != "seed"})

    @functools.cached_property
    def label(self) -> str:
        """A short name for people, which the configuration alone decides."""
        return label_of(self.config, self.derived)

    @functools.cached_property
    def directory(self) -> Path:
        """`<paths.runs>/<study>/<label>-s<seed>-<id8>`; where a folder of the study ends like this under another label,
        which a version with other labels gave it, that one."""
        study = Path(self.config.paths.runs) / self.config.study
        end = f"-s{self.config.seed}-{self.id[:8]}"
        named = study / f"{self.label}{end}"
        if named.is_dir() or not study.is_dir():
            return named
        return study / _by_end(study, study.stat().st_mtime_ns).get(end, named.name)

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.directory.name


@functools.lru_cache(maxsize=16)
def _by_end(study: Path, modified: int) -> dict[str, str]:
    """The names of the run folders of a study as it was when last `modified`, by their ends without the label."""
    names = os.listdir(study)
    return {found[0]: name for name in names if (found := RUN_FOLDER.search(name))}


def check_writable(config: Config) -> None:
    """Make sure that runs may be recorded; writes nothing itself.

    Raises:
        ConfigError: if the study's folder, or the nearest one above it that exists, may not be written.
    """
    nearest = _nearest_folder(config)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise _not_writable(config, f"{nearest} {'may not be written' if nearest.is_dir() else 'is not a folder'}.")


def try_to_write(config: Config) -> None:
    """Make sure that runs can be recorded, by a folder that is removed again, before anything is begun.

    Raises:
        ConfigError: as `check_writable`, and for what only says that it may be written, such as /proc.
    """
    check_writable(config)
    nearest = _nearest_folder(config)
    try:
        tempfile.TemporaryDirectory(prefix=".lkca_exp-", dir=nearest).cleanup()
    except OSError as error:
        raise _not_writable(config, f"Nothing can be written to {nearest}: {error.strerror}.") from error


def _nearest_folder(config: Config) -> Path:
    study = Path(config.paths.runs, config.study).absolute()
    return next(path for path in (study, *study.parents) if path.exists())


def _not_writable(config: Config, rule: str) -> ConfigError:
    return ConfigError("paths.runs", config.paths.runs, rule, "Choose another folder with paths.runs=DIR.")


def selected_on(config: Config) -> str | None:
    """What chose the epoch whose weights are tested: "validation", "test", or None for the last epoch."""
    match config.protocol:
        case HoldoutConfig():
            return "validation"
        case BestOnTestConfig():
            return "test"
    return None


def new_record(run: Run) -> Record:
    """What is known before training."""
    return Record(
        id=run.id,
        group=run.group,
        study=run.config.study,
        label=run.label,
        seed=run.config.seed,
        numerics=NUMERICS,
        command=command_line(),
        config=dataclasses.asdict(run.config),
        derived=dataclasses.asdict(run.derived),
        selected_on=selected_on(run.config),
        timings=Timings(started=now(), seconds=0.0),
        versions=versions(),
        git=git_state(),
    )


def _result_keys(config: Config) -> Iterator[tuple[str, Any]]:
    for name, value, field in result_fields(config):
        if not (field.metadata.get("later") and value == field.default):
            yield name, value


def _digest(settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True, allow_nan=False).encode()).hexdigest()
