"""A run: what is trained, where, and its id, made of all that can change its result and of nothing else."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import Job
from lkca_exp.config.schema import (
    BestOnTestConfig,
    Config,
    HoldoutConfig,
    TimmConfig,
    VitConfig,
    VitPytorchConfig,
)
from lkca_exp.config.specs import FOLDER
from lkca_exp.runs.environment import command_line, git_state, versions
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
        """A short name for people: data set, or the name of its folder; the model's preset, or its name if it is of
        another package, or its embedding if that is not the plain one; the mixer and, for a kernel, its side."""
        model = self.config.model
        data = self.config.data
        parts = [Path(data.root).absolute().name if data.name == FOLDER else data.name]
        if model.preset is not None:
            parts.append(model.preset)
        elif isinstance(model, TimmConfig):
            parts.append(f"timm_{model.name}")
        elif isinstance(model, VitPytorchConfig):
            parts.append(f"vit_pytorch_{model.family}")
        elif isinstance(model, VitConfig) and model.embedding.name != "linear":
            parts.append(model.embedding.name)
        if isinstance(model, VitConfig):
            parts.append(model.mixer.name)
        if isinstance(self.derived, VitDerived) and self.derived.kernel_size is not None:
            parts.append(f"k{self.derived.kernel_size}")
        return re.sub(r"[^\w.-]", "_", "-".join(parts))

    @functools.cached_property
    def directory(self) -> Path:
        """`<paths.runs>/<study>/<label>-s<seed>-<id8>`."""
        name = f"{self.label}-s{self.config.seed}-{self.id[:8]}"
        return Path(self.config.paths.runs) / self.config.study / name

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.directory.name


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


def _result_keys(settings: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        value, name = getattr(settings, field.name), prefix + field.name
        if not field.metadata.get("result", True) or (field.metadata.get("later") and value == field.default):
            continue
        if dataclasses.is_dataclass(value):
            yield from _result_keys(value, name + ".")
        else:
            yield name, value


def _digest(settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True, allow_nan=False).encode()).hexdigest()
