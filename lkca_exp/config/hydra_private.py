"""Hydra's and OmegaConf's private attributes that this package uses, and their messages that it matches; no other file
does either.

The upper pin of hydra-core in pyproject.toml moves once tests/config/test_hydra_private.py passes with a newer one.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from hydra.types import RunMode
from omegaconf import DictConfig, Node

MESSAGES = {
    "no option": re.compile(r"Config group override must be a string or a list"),
    "unknown key in a file": re.compile(
        r"In '(?P<group>.+)/(?P<option>.+)': Config(?:Key|Attribute)Error.*full_key: (?P<key>\S+)", re.DOTALL
    ),
    "no such part": re.compile(r"(?:In '(?P<group>.+)/(?P<option>.+)': )?Could not override '(?P<part>model/.+?)'"),
    "sweep": re.compile(r"Sweep parameters '(?P<override>.+)' requires --multirun"),
    "several values": re.compile(r"Ambiguous value for argument '(?P<override>.+)'"),
    "wrong value in a file": re.compile(
        r"In '(?P<file>.+?)': \w+Error raised while composing config:\n(?P<problem>.+?)\n\s+full_key: (?P<key>\S*)",
        re.DOTALL,
    ),
    "key exists": re.compile(r"Could not append to config\. An item is already at '(?P<key>.+)'"),
    "not in the defaults": re.compile(r"Could not override '(?P<key>[^/]+?)'"),
}
"""What is the matter -> the beginning of the message by which Hydra says so."""


class HydraLoader(ConfigLoaderImpl):
    """Hydra's loader of configurations, as `loader` is one, with public names for the steps of composing a job."""

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader.get_search_path())
        self._parser = OverridesParser.create(config_loader=self)

    def parse(self, words: Sequence[str]) -> list[Override]:
        """Raises HydraException for words that are no overrides, or that ask for a sweep."""
        parsed = self._parser.parse_overrides(list(words))
        self.validate_sweep_overrides_legal(parsed, run_mode=RunMode.RUN, from_shell=True)
        return parsed

    def is_group(self, name: str) -> bool:
        return self.repository.group_exists(name)

    def set_values(self, overrides: list[Override], cfg: DictConfig) -> None:
        self._apply_overrides_to_config(overrides, cfg)

    @staticmethod
    def dirname(overrides: list[Override], settings: DictConfig) -> str:
        """`hydra.job.override_dirname`; `settings` are `hydra.job.config.override_dirname`."""
        return get_overrides_dirname(
            overrides=overrides,
            kv_sep=settings.kv_sep,
            item_sep=settings.item_sep,
            exclude_keys=settings.exclude_keys,
        )


def grid(overrides: Sequence[Override]) -> list[list[str]]:
    """The jobs that Hydra's basic sweeper makes of overrides, as words."""
    return BasicSweeper.split_arguments(list(overrides), max_batch_size=None)[0]


def returned(job: JobReturn) -> Any:
    """What a job returned or raised; its public `return_value` raises the latter, after a message of Hydra's."""
    return job._return_value


def leaves(cfg: DictConfig, known: Container[str], prefix: str = "") -> Iterator[tuple[str, Node]]:
    """Dotted name and node of every value; a group of keys counts as one if its name is `known`."""
    for name in map(str, cfg):
        node = cfg._get_node(name)
        if isinstance(node, DictConfig) and not node._is_none() and f"{prefix}{name}" not in known:
            yield from leaves(node, known, f"{prefix}{name}.")
        else:
            assert isinstance(node, Node)
            yield f"{prefix}{name}", node


def is_missing(node: Node) -> bool:
    """Whether it is `???`."""
    return node._is_missing()


def is_interpolation(node: Node) -> bool:
    return node._is_interpolation()
