"""From overrides to a job: composed by Hydra, typed, checked, with the values that follow."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import hydra
from omegaconf import DictConfig, open_dict, read_write

from lkca_exp.config.checks import check
from lkca_exp.config.derive import DataFacts, Derived
from lkca_exp.config.errors import ConfigError, did_you_mean
from lkca_exp.config.refusals import explain, is_refusal, to_config
from lkca_exp.config.schema import Config, register


@dataclass(frozen=True)
class Job:
    """One run to do: its configuration, which breaks no rule, and what follows from it."""

    config: Config
    derived: Derived


def conf_dir() -> Path:
    """The folder of the YAML files: inside the package once installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next(path for path in (package / "conf", package.parent / "conf") if path.is_dir())


def compose(overrides: Sequence[str], facts: Mapping[str, DataFacts]) -> Job:
    """The job that `python -m lkca_exp <overrides>` would run, for other programs than the command line.

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


def checked(cfg: DictConfig, facts: Mapping[str, DataFacts]) -> Job:
    """The job in a composed configuration; `facts` of the data sets by name.

    Raises:
        ConfigError: if the configuration breaks a rule.
    """
    config = to_config(without_hydra(cfg))
    name = config.data.name
    if name not in facts:
        raise ConfigError("data.name", name, "There is no such data set.", did_you_mean(name, facts))
    return Job(config, check(config, facts[name]))


def without_hydra(cfg: DictConfig) -> DictConfig:
    """What Hydra composed, less Hydra's own settings: a copy, if there are any."""
    if "hydra" not in cfg:
        return cfg
    cfg = copy.deepcopy(cfg)
    with read_write(cfg), open_dict(cfg):
        cfg.pop("hydra")
    return cfg
