"""From overrides to a job: composed by Hydra, typed, checked, with the values that follow."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from lkca_exp.config.checks import check
from lkca_exp.config.derived import Derived
from lkca_exp.config.errors import ConfigError, did_you_mean
from lkca_exp.config.folder import facts_of
from lkca_exp.config.refusals import explain, is_refusal, to_config
from lkca_exp.config.schema import GROUP_SCHEMAS, Config, register, schema_of
from lkca_exp.config.schema.store import conf_dir
from lkca_exp.config.specs import DataSpec


@dataclass(frozen=True)
class Job:
    """One run to do: its configuration, which breaks no rule, and what follows from it."""

    config: Config
    derived: Derived


def compose(overrides: Sequence[str], facts: DataSpec | None = None) -> Job:
    """The job that `python -m lkca_exp <overrides>` would run, for other programs than the command line; with `facts`,
    on images of which these are true, whatever `data` is.

    Raises:
        ConfigError: if the configuration breaks a rule.
    """
    register()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        try:
            cfg = hydra.compose("config", list(overrides))
        except Exception as error:
            if not is_refusal(error):
                raise
            raise explain(error, overrides) from error
    return checked(cfg, facts)


def restored(settings: Mapping[str, Any]) -> DictConfig:
    """The typed configuration that `settings`, as a record has them, were written from, for `checked`. A key that they
    lack, being older than it, is at its default.

    Raises:
        ConfigError: if they hold what the schema does not know.
    """
    given, cfg = OmegaConf.create(dict(settings)), OmegaConf.structured(Config)
    for group, schemas in GROUP_SCHEMAS.items():
        key = group.replace("/", ".")
        if OmegaConf.select(given, key) is None and "/" in group:
            continue  # the model has no such part, or had none to choose when this was written
        option = OmegaConf.select(given, f"{key}.name")
        schema = schema_of(group, option)
        if schema is None:
            raise ConfigError(f"{key}.name", option, f"There is no such {group}.", did_you_mean(str(option), schemas))
        OmegaConf.update(cfg, key, schema)
    try:
        merged = OmegaConf.merge(cfg, given)
    except OmegaConfBaseException as error:
        raise explain(error, ()) from error
    assert isinstance(merged, DictConfig)
    return merged


def checked(cfg: DictConfig, facts: DataSpec | None = None) -> Job:
    """The job in a composed configuration; `facts` are those of its data set, unless others are given.

    Raises:
        ConfigError: if the configuration breaks a rule.
    """
    return job_of_config(to_config(without_hydra(cfg)), facts)


def job_of_config(config: Config, facts: DataSpec | None = None) -> Job:
    """The job of a typed configuration; `facts` are those of its data set, unless others are given.

    Raises:
        ConfigError: if the configuration breaks a rule.
    """
    return Job(config, check(config, facts or facts_of(config.data)))


def without_hydra(cfg: DictConfig) -> DictConfig:
    """What Hydra composed, less Hydra's own settings: a copy, if there are any."""
    if "hydra" not in cfg:
        return cfg
    cfg = copy.deepcopy(cfg)
    with read_write(cfg), open_dict(cfg):
        cfg.pop("hydra")
    return cfg
