"""Test the weights of a trained run, on its own data or on others that fit.

Images are normalised as in training, whatever they are of: that is part of the model. The record stays as it is.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.folder import facts_of
from lkca_exp.config.job import Job, checked, restored
from lkca_exp.config.refusals import explain, to_config
from lkca_exp.config.schema import DataConfig, HoldoutConfig
from lkca_exp.config.specs import FOLDER, SPECS, DataSpec
from lkca_exp.data.content import check_content
from lkca_exp.runs.checksums import WEIGHTS, misfits
from lkca_exp.runs.record import Record
from lkca_exp.runs.state import RunState


def evaluate(run: RunState, split: str = "test", overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Loss, top-1, top-5 (where there are enough classes) and calibration error of the weights that `run` stored, with
    what they were measured on. `overrides` are of the data group.

    On the CPU with as many threads as in training, on a GPU where the run had one and there is one; so the run's own
    test comes out as recorded.

    Raises:
        ConfigError: if there are no weights or no such split, or the data do not fit, or are not the run's own although
            no others are asked for.
    """
    cfg, weights = stored(run)
    own = checked(cfg)
    other = _with_data(cfg, own, overrides)
    if not overrides and run.record is not None:
        check_content(run.record, own.config.data)
    if split == "validation" and not isinstance(other.config.protocol, HoldoutConfig):
        rule = f"Under protocol={other.config.protocol.name} no validation images were held out."
        raise ConfigError("--split", split, rule, "Choose --split test or train.")
    return _measure(run, weights, split, own, other)


def stored(run: RunState) -> tuple[DictConfig, Path]:
    """The configuration of a run, for one process, and the file of its weights.

    Raises:
        ConfigError: if it has none, or others than its record says.
    """
    if run.record is None:
        raise ConfigError("run", run.name, f"It is {run.state}: no record says what it was.")
    weights = run.folder / WEIGHTS
    if not weights.exists():
        kept = run.record.config["keep"] != "none"
        rule = f"It is {run.state}, without weights." if kept else "Its weights were not kept (keep=none)."
        raise ConfigError("run", run.name, rule, "" if kept else "Train it again with keep=weights and force=true.")
    if misfits(run.folder, run.record, [WEIGHTS]):
        rule = "They are damaged, or another run's: the record has another SHA-256."
        raise ConfigError("weights", weights, rule, "Train the run again with force=true.")
    cfg = restored(run.record.config)
    cfg.trainer.devices, cfg.trainer.strategy = 1, "auto"
    cfg.trainer.accelerator = "cpu" if run.record.device.get("accelerator") == "cpu" else "auto"
    return cfg, weights


def normalised_by(record: Record) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation, per channel, by which a run's images were normalised. A record from before they were
    noted is of a data set whose facts have them.

    Raises:
        ConfigError: if neither says it.
    """
    if record.data:
        return tuple(record.data["mean"]), tuple(record.data["std"])
    name = record.config["data"]["name"]
    if name not in SPECS:
        raise ConfigError("run", record.label, "Its record does not say how its images were normalised.")
    return SPECS[name].mean, SPECS[name].std


def _with_data(cfg: DictConfig, own: Job, overrides: Sequence[str]) -> Job:
    """The job with the data that are asked for."""
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except OverrideParseException as error:
        raise explain(error, overrides) from error
    for override, word in zip(parsed, overrides, strict=True):
        key, given = override.key_or_group, word.partition("=")[2]
        one_value = not override.is_sweep_override() and not override.is_delete()
        if key == "data" and one_value:
            cfg.data = DataConfig(name=given, root=cfg.data.root)
            if given == FOLDER:
                cfg.data.image_size, cfg.data.channels = own.derived.image_size, own.derived.channels
        elif key.startswith("data.") and key != "data.name" and one_value:
            try:
                OmegaConf.update(cfg, key, override.value())
            except OmegaConfBaseException as error:
                raise explain(error, overrides) from error
        else:
            raise ConfigError(key, given, "What can be given is other data: data=NAME, data.root=DIR, ...")
    if cfg.data.name in (*SPECS, FOLDER):
        _check_fit(facts_of(own.config.data), facts_of(to_config(cfg).data))
    return checked(cfg)


def _check_fit(trained_on: DataSpec, other: DataSpec) -> None:
    """A model takes images of one size and tells so many classes apart."""

    def shape(spec: DataSpec) -> str:
        return f"{spec.num_classes} classes of {spec.channels} x {spec.image_size} x {spec.image_size} images"

    if shape(other) != shape(trained_on):
        fitting = [spec.name for spec in SPECS.values() if shape(spec) == shape(trained_on)]
        rule = f"The model is for {shape(trained_on)}; {other.name} has {shape(other)}."
        raise ConfigError("data", other.name, rule, f"What fits: {', '.join(fitting)}." if fitting else "")
    if other.class_names != trained_on.class_names:
        print(f"lkca_exp: the classes of {other.name} are not those of {trained_on.name}", file=sys.stderr)


def _measure(run: RunState, weights: Path, split: str, own: Job, other: Job) -> dict[str, Any]:
    from lkca_exp.data.prepare import prepare
    from lkca_exp.engine.fit import test
    from lkca_exp.training.device import take_up_threads

    assert run.record is not None
    if run.record.device:
        take_up_threads(run.record.device)
    data = prepare(other.config)
    same_name = other.config.data.name == own.config.data.name
    if same_name and data.content != run.record.derived.get("data_content", data.content):
        print(f"lkca_exp: these are not the files of {own.config.data.name} that it was trained on", file=sys.stderr)
    images = {"test": data.test, "validation": data.validation, "train": data.train}[split]
    assert images is not None
    mean, std = normalised_by(run.record)
    backend = run.record.model.get("backend")
    backend = None if backend == "direct" else backend  # the CPU's rule names that again, where it can be compiled
    metrics, count = test(own, weights, dataclasses.replace(data, test=images, mean=mean, std=std), backend)
    return {"run": run.name, "data": other.config.data.name, "split": split, "images": count, **metrics}
