"""Hydra's configurations of many jobs, composed once for each distinct choice of groups."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from lkca_exp.config.hydra_private import HydraLoader, is_interpolation, leaves
from lkca_exp.config.job import without_hydra
from lkca_exp.config.refusals import known_keys, to_config
from lkca_exp.config.schema import Config


class SweepLoader(HydraLoader):
    """Answers `load_sweep_config` with what Hydra's own loader would, key for key, at a fraction of its time: the YAML
    is read and merged once for each choice of groups, and the values are set on a copy.

    A launcher takes it in place of Hydra's, into other processes too. What it has composed is not read again, so that
    editing the YAML does not change a sweep under way.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader)
        self.env_set: dict[str, str] = {}
        """Environment variables that jobs are to find, beside those of `hydra.job.env_set`."""
        self._composed: dict[tuple[str, ...], tuple[DictConfig, DictConfig]] = {}
        self._typed: dict[tuple[str, ...], tuple[DictConfig, Config]] = {}
        """Configurations that differ from others in the values of the same keys only, by their groups and keys."""
        self._parsed: dict[str, Override] = {}
        self._is_group: dict[str, bool] = {}

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The configuration of the job with these overrides.

        Raises:
            HydraException, OmegaConfBaseException: as composing does.
        """
        groups, values = self._split(sweep_overrides)
        cfg = copy.deepcopy(self._compose(master_config, groups)[0])
        self.set_values(values, cfg)
        self._note(cfg, [self._parsed[word] for word in sweep_overrides])
        with open_dict(cfg.hydra.job.env_set):
            cfg.hydra.job.env_set.update(self.env_set)
        OmegaConf.copy_cache(from_config=master_config, to_config=cfg)
        return cfg

    def load_job(self, master_config: DictConfig, overrides: Sequence[str]) -> tuple[Config, DictConfig]:
        """The same without Hydra's own settings, which are most of it, and typed; and the choice made in each group.

        Raises:
            HydraException, OmegaConfBaseException, ConfigError: as composing does.
        """
        groups, values = self._split(overrides)
        values = [value for value in values if not value.is_hydra_override()]
        whole, plain = self._compose(master_config, groups)
        choices = whole.hydra.runtime.choices
        kind = (*(str(group.input_line) for group in groups), "", *(value.key_or_group for value in values))
        plain_values = all(map(_is_plain, values))
        if plain_values and kind in self._typed:
            cfg, config = self._typed[kind]
            self.set_values(values, cfg)
            for value in values:
                config = _replaced(config, value.key_or_group, OmegaConf.select(cfg, value.key_or_group))
            return config, choices
        cfg = copy.deepcopy(plain)
        self.set_values(values, cfg)
        OmegaConf.copy_cache(from_config=master_config, to_config=cfg)
        config = to_config(cfg)
        if plain_values and not any(is_interpolation(node) for _, node in leaves(cfg, known_keys())):
            self._typed[kind] = cfg, config
        return config, choices

    def _split(self, words: Sequence[str]) -> tuple[list[Override], list[Override]]:
        """The overrides that choose an option of a group, by the rule of Hydra's defaults list, and the others."""
        new = [word for word in words if word not in self._parsed]
        self._parsed |= zip(new, self.parse(new), strict=True)
        overrides = [self._parsed[word] for word in words]
        groups = [override for override in overrides if self._chooses(override)]
        return groups, [override for override in overrides if not self._chooses(override)]

    def _chooses(self, override: Override) -> bool:
        name = override.key_or_group
        if name not in self._is_group:
            self._is_group[name] = self.is_group(name)
        return self._is_group[name] and not isinstance(override.value(), dict)

    def _compose(self, master_config: DictConfig, groups: Sequence[Override]) -> tuple[DictConfig, DictConfig]:
        """With Hydra's settings, and without."""
        words = tuple(str(override.input_line) for override in groups)
        if words not in self._composed:
            cfg = self.load_configuration(
                config_name=master_config.hydra.job.config_name,
                overrides=[*master_config.hydra.overrides.hydra, *words],
                run_mode=RunMode.RUN,
            )
            self._composed[words] = cfg, without_hydra(cfg)
        return self._composed[words]

    def _note(self, cfg: DictConfig, parsed: Sequence[Override]) -> None:
        """Have the configuration say which overrides made it."""
        tasks = [override for override in parsed if not override.is_hydra_override()]
        cfg.hydra.overrides.task = [override.input_line for override in tasks]
        cfg.hydra.overrides.hydra += [override.input_line for override in parsed if override.is_hydra_override()]
        cfg.hydra.job.override_dirname = self.dirname(tasks, cfg.hydra.job.config.override_dirname)


def _is_plain(override: Override) -> bool:
    """Whether it gives a known key a value of its own, so that no other key changes with it."""
    value = override.value()
    changes = not (override.is_delete() or override.is_add() or override.is_force_add())
    written_out = not isinstance(value, str) or not ("${" in value or value == "???")
    return changes and override.key_or_group in known_keys() and not isinstance(value, dict | list) and written_out


def _replaced(settings: Any, name: str, value: object) -> Any:
    """A copy of a configuration, or a part of it, with another value of the key `name`."""
    first, _, rest = name.partition(".")
    return dataclasses.replace(settings, **{first: _replaced(getattr(settings, first), rest, value) if rest else value})
